#include "framework/intervene/constraints.hpp"

#include <cmath>
#include <functional>
#include <map>
#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "framework/intervene/steering.hpp"
#include "framework/model/generate.hpp"
#include "framework/model/score.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/for_each_family.hpp"
#include "tests/support/neuron.hpp"
#include "tests/support/reference_ops.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::kSlowTwin;
using testing::neuron;
using testing::random_tokens;

Policy policy_of(std::vector<ActivationLimits> limits, double cap = std::numeric_limits<double>::infinity()) {
  Policy policy;
  policy.limits = std::move(limits);
  policy.steering_cap = cap;
  return policy;
}

std::vector<PolicyOrder> for_sequences(std::int64_t n, const Policy& policy) {
  const auto shared = std::make_shared<const Policy>(policy);
  std::vector<PolicyOrder> orders;
  for (std::int64_t i = 0; i < n; ++i) orders.push_back({i, shared});
  return orders;
}

SteeringVector strong_push() {
  return {{neuron(0, 1), 0.7F, 0, 0}, {neuron(0, 2), -1.4F, 0, 0}, {neuron(1, 0), 0.9F, 0, 0}};
}

std::vector<NeuronId> ids_of(const SteeringVector& vector) {
  std::vector<NeuronId> ids;
  for (const SteeredNeuron& each : vector) ids.push_back(each.id);
  return ids;
}

/// Steering of strength 1 under a policy, as an edit of the slow twin.
testing::NeuronEdit slow_edit(const Policy& policy, const SteeringVector& vector, std::int64_t prompt_length) {
  return [=](std::int64_t layer, std::int64_t t, std::vector<double>& a) {
    const bool generated = t >= prompt_length - 1;
    const std::vector<double> before = a;
    for (const SteeredNeuron& each : vector) {
      if (generated && to_int(each.id.layer) == layer) a[static_cast<std::size_t>(to_int(each.id.neuron))] += each.push;
    }
    if (!generated && policy.scope == PolicyScope::generated) return;
    double change = 0, whole = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      change += (a[i] - before[i]) * (a[i] - before[i]);
      whole += before[i] * before[i];
    }
    const double ratio = change == 0 ? 0 : std::sqrt(change / whole);
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (ratio > policy.steering_cap) a[i] = before[i] + policy.steering_cap / ratio * (a[i] - before[i]);
    }
    for (const ActivationLimits& limits : policy.limits) {
      if (to_int(limits.id.layer) != layer) continue;
      double& value = a[static_cast<std::size_t>(to_int(limits.id.neuron))];
      value = std::min(std::max(value, limits.low), limits.high);
    }
  };
}

using ConstraintsOfFamily = testing::ForEachFamily;

TEST_P(ConstraintsOfFamily, DoWhatTheSlowTwinDoesAfterSteering) {
  const Decoder decoder = model_.decoder();
  const auto tokens = random_tokens(model_.arch, 9, 3);
  const auto vector = std::make_shared<const SteeringVector>(strong_push());
  Policy everywhere = policy_of({{neuron(0, 2), -0.05, 0.05}, {neuron(1, 3), 0.02}});
  everywhere.scope = PolicyScope::all;

  for (const Policy& policy : {policy_of({{neuron(0, 1), -0.1, 0.1}, {neuron(1, 2), 0.3}}), policy_of({}, 0.25),
                               policy_of({{neuron(1, 0), -1, 0.01}}, 0.4), everywhere}) {
    Steering steering({{0, vector, {}}}, model_.arch);
    Constraints constraints(for_sequences(1, policy), {&steering, ids_of(strong_push())}, model_.arch, at::kFloat);
    const auto got = score_tokens(decoder, {{tokens, 4, 1}}, &constraints);
    const auto twin = testing::reference_forward(model_.arch, model_.weights, tokens, slow_edit(policy, *vector, 4));

    for (std::size_t t = 1; t < tokens.size(); ++t) {
      double total = 0;
      for (const double z : twin.logits[t - 1]) total += std::exp(z);
      const double expected = twin.logits[t - 1][static_cast<std::size_t>(tokens[t])] - std::log(total);
      EXPECT_NEAR(got[0].logprobs[t - 1], expected, kSlowTwin) << "token " << t;
    }
    EXPECT_FALSE(constraints.log().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ConstraintsOfFamily, testing::each_family(), testing::family_name);

class ConstraintsTest : public ::testing::Test {
 protected:
  testing::TinyModel model_ = testing::tiny_llama();
  Decoder decoder_ = model_.decoder();

  std::vector<GenerationRequest> requests(std::int64_t n) const {
    std::vector<GenerationRequest> made;
    for (std::int64_t i = 0; i < n; ++i) {
      made.push_back({random_tokens(model_.arch, 3 + i % 4, static_cast<std::uint64_t>(i)), 0, 4 + i % 3});
    }
    return made;
  }
};

/// Remembers the activations of one neuron at the tokens that replies are decided from.
class Witness final : public ActivationHook {
 public:
  explicit Witness(NeuronId id) : id_(id) {}
  bool wants(Site site, LayerIndex layer) const override { return site == Site::neuron && layer == id_.layer; }
  void visit(Site, LayerIndex, at::Tensor& x, const BatchRows& rows) override {
    for (std::size_t b = 0; b < rows.sequence.size(); ++b) {
      for (std::int64_t t = 0; t < rows.n_tokens[b]; ++t) {
        if (rows.first_position[b] + t < rows.prompt_length[b] - 1) continue;
        values[rows.sequence[b]].push_back(x[static_cast<std::int64_t>(b)][t][to_int(id_.neuron)].item<float>());
      }
    }
  }
  std::map<std::int64_t, std::vector<float>> values;

 private:
  NeuronId id_;
};

TEST_F(ConstraintsTest, LogEveryEnforcementOfEverySequenceInABatch) {
  const NeuronId id = neuron(0, 1);
  // Below everything: enforced at every token, so that what is logged is the whole run.
  Constraints constraints(for_sequences(6, policy_of({{id, -20, -10}})), {}, model_.arch, at::kFloat);

  const auto made = generate(decoder_, requests(6), {}, 4, &constraints);

  const auto log = constraints.log();
  ASSERT_EQ(log.size(), 6U);
  for (std::size_t i = 0; i < log.size(); ++i) {
    EXPECT_EQ(log[i].sequence, static_cast<std::int64_t>(i));
    EXPECT_EQ(log[i].rule, ConstraintRule::ceiling);
    EXPECT_EQ(log[i].layer, 0);
    EXPECT_EQ(log[i].neuron, 1);
    EXPECT_EQ(log[i].first_position, 3 + static_cast<std::int64_t>(i) % 4 - 1);
    EXPECT_EQ(log[i].times, static_cast<std::int64_t>(made[i].tokens.size()) + (made[i].ended_by_eos ? 1 : 0));
    EXPECT_GT(log[i].largest, 8);
  }
}

TEST_F(ConstraintsTest, KeepNeuronsInsideTheirLimitsAtEveryStep) {
  const NeuronId id = neuron(1, 2);
  Constraints constraints(for_sequences(6, policy_of({{id, 0.01, 0.02}})), {}, model_.arch, at::kFloat);
  Witness witness(id);

  // The witness is behind the constraints as the decoder is.
  class Both final : public ActivationHook {
   public:
    Both(ActivationHook& first, ActivationHook& second) : first_(first), second_(second) {}
    bool wants(Site site, LayerIndex layer) const override { return first_.wants(site, layer); }
    void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override {
      first_.visit(site, layer, x, rows);
      if (second_.wants(site, layer)) second_.visit(site, layer, x, rows);
    }

   private:
    ActivationHook &first_, &second_;
  } both(constraints, witness);
  generate(decoder_, requests(6), {}, 3, &both);

  ASSERT_EQ(witness.values.size(), 6U);
  for (const auto& [sequence, values] : witness.values) {
    for (const float value : values) {
      EXPECT_GE(value, 0.01F);
      EXPECT_LE(value, 0.02F);
    }
  }
}

TEST_F(ConstraintsTest, ThatNothingViolatesChangeNoBitAndLogNothing) {
  const auto plain = generate(decoder_, requests(6), {}, 4);
  Constraints constraints(for_sequences(6, policy_of({{neuron(0, 1), -1e6, 1e6}}, 10)), {}, model_.arch, at::kFloat);

  const auto kept = generate(decoder_, requests(6), {}, 4, &constraints);

  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(kept[i].tokens, plain[i].tokens);
    EXPECT_EQ(kept[i].logprob, plain[i].logprob);
  }
  EXPECT_TRUE(constraints.log().empty());
}

TEST_F(ConstraintsTest, TouchOnlySequencesWithAPolicy) {
  const auto plain = generate(decoder_, requests(4), {}, 4);
  auto orders = for_sequences(4, policy_of({{neuron(0, 1), -20, -10}}));
  orders.erase(orders.begin() + 1);
  Constraints constraints(orders, {}, model_.arch, at::kFloat);

  const auto kept = generate(decoder_, requests(4), {}, 4, &constraints);

  EXPECT_EQ(kept[1].logprob, plain[1].logprob);
  for (const Enforcement& each : constraints.log()) EXPECT_NE(each.sequence, 1);
}

TEST_F(ConstraintsTest, OfOneKindOfNumbersAgreeWithThoseOfAnother) {
  // Half precision takes the path that devices take.
  const Policy policy = policy_of({{neuron(0, 1), 0.5, 0.75}, {neuron(0, 3), -2, -1}}, 0.5);
  const auto run = [&](at::ScalarType type) {
    Steering steering({{0, std::make_shared<const SteeringVector>(strong_push()), {}}}, model_.arch);
    Constraints constraints(for_sequences(1, policy), {&steering, ids_of(strong_push())}, model_.arch, type);
    at::Tensor x = at::linspace(-1, 1, model_.arch.M * 4).view({1, 4, model_.arch.M}).to(type);
    constraints.visit(Site::neuron, LayerIndex(0), x, {{0}, {0}, {4}, {2}});
    return std::pair(x.to(at::kFloat), constraints.log());
  };

  const auto [floats, log] = run(at::kFloat);
  const auto [halves, half_log] = run(at::kHalf);

  EXPECT_LT(floats.sub(halves).abs().max().item<float>(), 2e-3);
  ASSERT_EQ(log.size(), half_log.size());
  for (std::size_t i = 0; i < log.size(); ++i) {
    EXPECT_EQ(log[i].times, half_log[i].times);
    EXPECT_EQ(log[i].first_position, half_log[i].first_position);
    EXPECT_NEAR(log[i].largest, half_log[i].largest, 2e-3 * std::max(1.0, log[i].largest));
  }
}

TEST_F(ConstraintsTest, ExceedNoLimitInHalfPrecision) {
  // Limits that half precision does not have, of both signs, around 0 and below its least normal number.
  const std::vector<std::pair<double, double>> limits = {{0.01, 0.02},   {-0.02, -0.01}, {-0.3, 0.7}, {1e-7, 3e-7},
                                                         {-3e-7, -1e-7}, {100.3, 200.7}, {-1e6, 1e6}};
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat}) {
    for (const auto& [low, high] : limits) {
      Constraints constraints(for_sequences(1, policy_of({{neuron(0, 1), low, high}})), {}, model_.arch, type);
      const auto kept = [&, low = low, high = high](double value) {
        at::Tensor x = at::full({1, 1, model_.arch.M}, value, type);
        constraints.visit(Site::neuron, LayerIndex(0), x, {{0}, {4}, {1}, {2}});
        const auto number = x[0][0][1].item<float>();
        EXPECT_GE(number, static_cast<float>(low)) << at::toString(type);
        EXPECT_LE(number, static_cast<float>(high)) << at::toString(type);
        return number;
      };
      // Raised and lowered, but no further than to the last number inside.
      const double spacing = type == at::kFloat ? 1e-6 : type == at::kHalf ? 1e-3 : 8e-3;
      EXPECT_NEAR(kept(-60000), std::max(low, -60000.0), std::max(1e-7, spacing * std::abs(low)));
      EXPECT_NEAR(kept(60000), std::min(high, 60000.0), std::max(1e-7, spacing * std::abs(high)));
      EXPECT_TRUE(std::isfinite(kept(std::numeric_limits<double>::infinity())));
    }
  }
}

TEST_F(ConstraintsTest, RefuseLimitsThatHoldNoNumberOfThePrecision) {
  const auto make = [&](double low, double high, at::ScalarType type) {
    return Constraints(for_sequences(1, policy_of({{neuron(0, 1), low, high}})), {}, model_.arch, type);
  };
  const auto refuse = [&](double low, double high, at::ScalarType type, const std::string& why) {
    expect_error(ErrorKind::input, HasSubstr(why), [&] { make(low, high, type); });
  };

  refuse(
      0.1, 0.1, at::kBFloat16,
      "neuron 0:1 is to be at least 0.1 and at most 0.1, and BFloat16, which the model runs in, has no number there");
  refuse(0.1, 0.1, at::kHalf, "Half, which");
  refuse(1e6, std::numeric_limits<double>::infinity(), at::kHalf, "Half, which");
  EXPECT_NO_THROW(make(0.1, 0.1, at::kFloat));
  EXPECT_NO_THROW(make(0.25, 0.25, at::kHalf));
}

TEST_F(ConstraintsTest, CapNoHookThatActsWhereItListsNoNeuron) {
  Steering steering({{0, std::make_shared<const SteeringVector>(strong_push()), {}}}, model_.arch);

  expect_error(ErrorKind::internal, HasSubstr("acts on a layer of which it lists no neuron"), [&] {
    Constraints(for_sequences(1, policy_of({}, 0.5)), {&steering, {neuron(0, 1)}}, model_.arch, at::kFloat);
  });
}

TEST_F(ConstraintsTest, LeaveANumberThatIsNoneToBeSeen) {
  Constraints constraints(for_sequences(1, policy_of({{neuron(0, 1), 0, 1}})), {}, model_.arch, at::kFloat);
  at::Tensor x = at::zeros({1, 1, model_.arch.M});
  x[0][0][1] = std::nan("");

  constraints.visit(Site::neuron, LayerIndex(0), x, {{0}, {4}, {1}, {2}});

  EXPECT_TRUE(std::isnan(x[0][0][1].item<float>()));
}

TEST_F(ConstraintsTest, BoundTheLogAndCountEveryEnforcement) {
  testing::TinyModel wide = testing::tiny_llama();
  wide.arch.M = 3000;
  std::vector<ActivationLimits> limits;
  for (std::int32_t i = 0; i < 3000; ++i) limits.push_back({neuron(0, i), 1, 2});
  limits.push_back({neuron(1, 5), -3, -2});
  Steering steering({{0, std::make_shared<const SteeringVector>(strong_push()), {}}}, wide.arch);
  Constraints constraints(for_sequences(1, policy_of(limits, 0.5)), {&steering, ids_of(strong_push())}, wide.arch,
                          at::kFloat);
  for (const std::int64_t layer : {0, 1}) {
    at::Tensor x = at::zeros({1, 2, 3000});
    constraints.visit(Site::neuron, LayerIndex(layer), x, {{0}, {4}, {2}, {2}});
  }

  const auto log = constraints.log();
  std::map<std::pair<std::int64_t, ConstraintRule>, std::int64_t> of_neurons, of_layers;
  for (const Enforcement& each : log) (each.neuron < 0 ? of_layers : of_neurons)[{each.layer, each.rule}] += each.times;
  const auto most = static_cast<std::int64_t>(Constraints::kMostLogged);
  EXPECT_EQ(of_neurons, (decltype(of_neurons){{{0, ConstraintRule::floor}, 2 * most}}));
  EXPECT_EQ(of_layers, (decltype(of_layers){{{0, ConstraintRule::floor}, 2 * (3000 - most)},
                                            {{0, ConstraintRule::cap}, 2},
                                            {{1, ConstraintRule::ceiling}, 2},
                                            {{1, ConstraintRule::cap}, 2}}));
  EXPECT_EQ(log.size(), Constraints::kMostLogged + of_layers.size());
}

TEST(Policy, HasAHashOfWhatItSays) {
  Policy policy = policy_of({{neuron(0, 1), -1, 1}, {neuron(1, 2), 0}}, 0.25);
  policy.denied = {neuron(1, 3), neuron(0, 2)};
  Policy other_order = policy_of({policy.limits[1], policy.limits[0]}, 0.25);
  other_order.denied = {neuron(0, 2), neuron(1, 3), neuron(0, 2)};
  EXPECT_EQ(policy_hash(other_order), policy_hash(policy));

  std::set<std::string> hashes = {policy_hash(policy)};
  const auto changed = [&](const std::function<void(Policy&)>& change) {
    Policy other = policy;
    change(other);
    EXPECT_TRUE(hashes.insert(policy_hash(other)).second) << hashes.size();
  };
  changed([](Policy& other) { other.scope = PolicyScope::all; });
  changed([](Policy& other) { other.steering_cap = 0.5; });
  changed([](Policy& other) { other.denied.pop_back(); });
  changed([](Policy& other) { other.denied[0] = neuron(1, 4); });
  changed([](Policy& other) { other.limits.pop_back(); });
  changed([](Policy& other) { other.limits[0].id = neuron(0, 3); });
  changed([](Policy& other) { other.limits[0].low = -2; });
  changed([](Policy& other) { other.limits[0].high = 2; });
  changed([](Policy& other) { other.limits[1].high = 2; });
}

TEST_F(ConstraintsTest, RefuseWhatCannotBeSatisfiedBeforeDecoding) {
  const auto refuse = [&](const Policy& policy, const std::string& why, std::vector<NeuronId> touched = {}) {
    expect_error(ErrorKind::input, HasSubstr(why), [&] {
      Constraints(for_sequences(1, policy), {nullptr, std::move(touched)}, model_.arch, at::kFloat);
    });
  };
  Policy denied = policy_of({});
  denied.denied = {neuron(1, 2)};
  Policy contradiction = policy_of({{neuron(1, 2), 0, 1}});
  contradiction.denied = {neuron(1, 2)};

  refuse(policy_of({}), "it limits nothing");
  refuse(policy_of({{neuron(0, 1), 2, 1}}), "neuron 0:1 cannot be at least 2 and at most 1");
  refuse(policy_of({{neuron(0, 1)}}), "expected a number");
  refuse(policy_of({{neuron(0, 1), 0, std::nan("")}}), "expected a number");
  refuse(policy_of({{neuron(0, 1), 0, 1}, {neuron(0, 1), 0, 2}}), "limits twice");
  refuse(policy_of({{neuron(99, 0), 0, 1}}), "neuron 99:0 is outside the model");
  refuse(policy_of({}, -1), "a cap of -1");
  refuse(contradiction, "neuron 1:2 is denied and has limits");
  refuse(denied, "neuron 1:2 is denied, and the steering", {neuron(0, 0), neuron(1, 2)});
  EXPECT_NO_THROW(Constraints(for_sequences(1, denied), {nullptr, {neuron(0, 0)}}, model_.arch, at::kFloat));
}

}  // namespace
}  // namespace neurosweep
