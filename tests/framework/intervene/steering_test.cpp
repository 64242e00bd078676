#include "framework/intervene/steering.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/model/generate.hpp"
#include "framework/model/score.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/for_each_family.hpp"
#include "tests/support/neuron.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::kSlowTwin;
using testing::neuron;
using testing::random_tokens;

std::shared_ptr<const SteeringVector> vector_of(SteeringVector neurons) {
  return std::make_shared<const SteeringVector>(std::move(neurons));
}

bool in_scope(const SteerPolicy& policy, std::int64_t t, std::int64_t prompt_length) {
  const std::int64_t start = prompt_length - 1;
  switch (policy.scope) {
    case SteerScope::all:
      return true;
    case SteerScope::generated:
      return t >= start;
    case SteerScope::first:
      return t >= start && t < start + policy.steps;
  }
  return false;
}

/// An order as an edit of the slow twin.
testing::NeuronEdit slow_edit(const SteerOrder& order, std::int64_t prompt_length) {
  return [=](std::int64_t layer, std::int64_t t, std::vector<double>& activation) {
    if (!in_scope(order.policy, t, prompt_length)) return;
    for (const SteeredNeuron& each : *order.vector) {
      if (to_int(each.id.layer) != layer) continue;
      double& a = activation[static_cast<std::size_t>(to_int(each.id.neuron))];
      const double change = order.policy.strength * (each.push + each.rate * (each.target - a));
      const double limit = order.policy.cap > 0 ? order.policy.cap : 1e30;
      a += std::min(std::max(change, -limit), limit);
    }
  };
}

SteerOrder push_order(std::int64_t sequence = 0) {
  return {sequence, vector_of({{neuron(0, 1), 0.7F, 0, 0}, {neuron(1, 0), -0.4F, 0, 0}}), {}};
}

using SteeringOfFamily = testing::ForEachFamily;

TEST_P(SteeringOfFamily, DoesWhatTheSlowTwinDoesInEveryScope) {
  const Decoder decoder = model_.decoder();
  const auto tokens = random_tokens(model_.arch, 9, 3);
  SteerOrder push = push_order(), pull = push_order(), capped = push_order();
  push.policy.strength = 1.5;
  pull.vector = vector_of({{neuron(0, 2), 0.2F, 0.6F, 1.5F}, {neuron(1, 3), 0, 1, -0.5F}});
  pull.policy.scope = SteerScope::all;
  pull.policy.strength = 0.5;
  capped.policy = {2, SteerScope::first, 2, 0.3};

  for (const SteerOrder& order : {push, pull, capped}) {
    Steering steering({order}, model_.arch);
    const auto got = score_tokens(decoder, {{tokens, 4, 1}}, &steering);
    const auto twin = testing::reference_forward(model_.arch, model_.weights, tokens, slow_edit(order, 4));

    for (std::size_t t = 1; t < tokens.size(); ++t) {
      double total = 0;
      for (const double z : twin.logits[t - 1]) total += std::exp(z);
      const double expected = twin.logits[t - 1][static_cast<std::size_t>(tokens[t])] - std::log(total);
      EXPECT_NEAR(got[0].logprobs[t - 1], expected, kSlowTwin) << "token " << t;
    }
    steering.check_applied();
  }
}

INSTANTIATE_TEST_SUITE_P(Families, SteeringOfFamily, testing::each_family(), testing::family_name);

class SteeringTest : public ::testing::Test {
 protected:
  testing::TinyModel model_ = testing::tiny_llama();
  Decoder decoder_ = model_.decoder();

  std::vector<Generation> run(const std::vector<SteerOrder>& orders, std::int64_t n, std::int64_t slots = 4) const {
    std::vector<GenerationRequest> requests;
    for (std::int64_t i = 0; i < n; ++i) requests.push_back({random_tokens(model_.arch, 5, 11), 0, 6});
    Steering steering(orders, model_.arch);
    return generate(decoder_, requests, {}, slots, &steering);
  }
};

TEST_F(SteeringTest, ByStrengthZeroChangesNoBit) {
  SteerOrder order = push_order();
  order.policy.strength = 0;

  const auto generations = run({order}, 2);

  EXPECT_EQ(generations[0].tokens, generations[1].tokens);
  EXPECT_EQ(generations[0].logprob, generations[1].logprob);
}

TEST_F(SteeringTest, ActsOnItsOwnSequenceOnlyWhateverTheSlots) {
  SteerOrder order = push_order(1);
  order.policy.strength = 3;

  const auto together = run({order}, 3, 3), apart = run({order}, 3, 1);

  EXPECT_EQ(together[0].logprob, together[2].logprob);
  EXPECT_NE(together[0].logprob, together[1].logprob);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(together[i].tokens, apart[i].tokens) << i;
}

TEST_F(SteeringTest, OfOtherTypesThanFloatIsTheSame) {
  const BatchRows rows{{0, 1}, {0, 0}, {3, 3}, {2, 2}};
  const at::Tensor x = at::linspace(-1, 1, 2 * 3 * model_.arch.M).view({2, 3, model_.arch.M});
  SteerOrder order{1, vector_of({{neuron(0, 1), 0.5F, 0.25F, 2}}), {1, SteerScope::generated, 0, 0.6}};
  Steering floats({order}, model_.arch), doubles({order}, model_.arch);
  at::Tensor a = x.clone(), b = x.to(at::kDouble);

  floats.visit(Site::neuron, LayerIndex{0}, a, rows);
  doubles.visit(Site::neuron, LayerIndex{0}, b, rows);

  testing::expect_close(b.to(at::kFloat), a, 1e-6);
  const at::Tensor change = a.select(0, 1).select(1, 1) - x.select(0, 1).select(1, 1);
  EXPECT_NEAR(change.max().item<float>(), 0.6, 1e-6);
  testing::expect_same_bits(a.select(0, 0), x.select(0, 0));
}

TEST_F(SteeringTest, FollowsTheDoubtAboutTheLastPrediction) {
  SteerOrder order = push_order(7);
  order.policy = {2, SteerScope::all, 0, 0, Doubt::margin, 1};
  Steering steering({order}, model_.arch);
  const BatchRows rows{{7}, {0}, {1}, {1}};
  at::Tensor sure = at::zeros({1, 4}), torn = at::zeros({1, 4});
  sure[0][2] = 50;
  const auto change = [&] {
    at::Tensor x = at::zeros({1, 1, model_.arch.M});
    steering.visit(Site::neuron, LayerIndex{0}, x, rows);
    return x[0][0][1].item<double>();
  };

  const double unknown = change();
  steering.predicted(sure, {7});
  const double when_sure = change();
  steering.predicted(torn, {7});
  const double when_torn = change();

  EXPECT_NEAR(unknown, 2 * 0.7, 1e-6);
  EXPECT_NEAR(when_sure, 0, 1e-6);
  EXPECT_NEAR(when_torn, 2 * 0.7, 1e-6);
  EXPECT_NEAR(steering.mean_strength(7), 4.0 / 3, 1e-6);
}

TEST_F(SteeringTest, ByEntropyTakesNatsOverTheFullDoubt) {
  SteerOrder order = push_order(0);
  order.policy = {1, SteerScope::all, 0, 0, Doubt::entropy, 2};
  Steering steering({order}, model_.arch);
  at::Tensor x = at::zeros({1, 1, model_.arch.M});

  steering.predicted(at::zeros({1, 4}), {0});
  steering.visit(Site::neuron, LayerIndex{0}, x, {{0}, {0}, {1}, {1}});

  EXPECT_NEAR(x[0][0][1].item<double>(), 0.7 * std::log(4.0) / 2, 1e-6);
}

TEST_F(SteeringTest, IsToldWhatAGenerationPredicts) {
  SteerOrder order = push_order(0);
  order.policy.doubt = Doubt::entropy;
  order.policy.full_doubt = 1e-6;
  SteerOrder whole = push_order(1);

  const auto generations = run({order, whole}, 2);

  EXPECT_EQ(generations[0].tokens, generations[1].tokens) << "any doubt is full doubt here";
}

TEST_F(SteeringTest, ThatTouchedNoTokenIsAnError) {
  Steering steering({push_order(5)}, model_.arch);
  generate(decoder_, {{random_tokens(model_.arch, 5, 11), 0, 3}}, {}, 1, &steering);

  expect_error(ErrorKind::input, HasSubstr("sequence 5 had no effect"), [&] { steering.check_applied(); });
}

TEST_F(SteeringTest, ByAVectorOfAnotherModelOrPastItsTargetIsAnError) {
  const auto make = [&](SteerOrder order) { Steering({std::move(order)}, model_.arch); };
  SteerOrder beyond = push_order(), pull = push_order(), twice = push_order(), endless = push_order();
  beyond.vector = vector_of({{neuron(99, 0), 1, 0, 0}});
  pull.vector = vector_of({{neuron(0, 0), 0, 0.5F, 1}});
  pull.policy.strength = 3;
  twice.vector = vector_of({{neuron(0, 0), 1, 0, 0}, {neuron(0, 0), 1, 0, 0}});
  endless.policy.strength = std::nan("");

  expect_error(ErrorKind::input, HasSubstr("outside the model"), [&] { make(beyond); });
  expect_error(ErrorKind::input, HasSubstr("expected 0 to 1"), [&] { make(pull); });
  expect_error(ErrorKind::input, HasSubstr("there twice"), [&] { make(twice); });
  expect_error(ErrorKind::input, HasSubstr("not finite"), [&] { make(endless); });
  expect_error(ErrorKind::input, HasSubstr("valid: all, generated, first"), [&] { steer_scope("prompt"); });
}

}  // namespace
}  // namespace neurosweep
