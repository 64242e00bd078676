#include <memory>
#include <set>
#include <string>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/intervene/composite_hook.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/intervene/neuron_last.hpp"
#include "framework/intervene/neuron_means.hpp"
#include "framework/intervene/steering.hpp"
#include "framework/intervene/trajectory.hpp"
#include "framework/measure/sweep_engine.hpp"
#include "framework/model/generate.hpp"
#include "framework/model/score.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/memory_budget.hpp"
#include "tests/support/tiny_model.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::MemoryBudget;
using testing::TinyModel;

/// Runs `measure` undisturbed, then with less and less memory, down to the least that works: every result is the same
/// to the last bit.
template <class Measure>
void expect_same_with_less_memory(Measure&& measure) {
  const auto expected = measure();
  std::int64_t peak = 0;
  {
    const MemoryBudget count;
    measure();
    peak = count.peak();
  }
  int halved = 0;
  for (int percent = 95; percent >= 35; percent -= 10) {
    const MemoryBudget budget(peak * percent / 100);
    EXPECT_EQ(measure(), expected) << "with " << percent << " % of " << peak << " bytes";
    halved += budget.refusals() > 0 ? 1 : 0;
  }
  EXPECT_GE(halved, 5);
}

std::vector<SweepArm> some_arms(const ArchSpec& arch) {
  std::vector<SweepArm> arms;
  for (std::int64_t l = 0; l < arch.L; ++l) {
    for (std::int64_t i = 0; i < arch.M; ++i) {
      arms.push_back({{LayerIndex(l), NeuronIndex(i)}, InterventionKind::add, 0.5F, Span::all});
    }
  }
  return arms;
}

/// All logits of every arm by the engine that GPUs use, as numbers.
std::vector<float> sweep_by_operators(const Decoder& decoder, std::int64_t rows) {
  const auto engine = make_torch_engine(decoder, {rows, 0});
  engine->baseline({testing::random_tokens(decoder.arch(), 20, 3), 8, 12});
  const auto arms = some_arms(decoder.arch());
  std::vector<JointArm> joint;
  for (const SweepArm& arm : arms) joint.emplace_back(&arm, 1);
  const std::int64_t each = 12 * decoder.arch().V;
  std::vector<float> found(arms.size() * static_cast<std::size_t>(each));
  engine->run(joint, [&](std::span<const std::size_t> which, const at::Tensor& logits) {
    const at::Tensor dense = logits.contiguous();
    for (std::size_t b = 0; b < which.size(); ++b) {
      const float* row = dense.const_data_ptr<float>() + static_cast<std::int64_t>(b) * each;
      std::copy(row, row + each, found.begin() + static_cast<std::ptrdiff_t>(which[b]) * each);
    }
  });
  return found;
}

TEST(ScarceMemory, ASweepGoesOnWithFewerArms) {
  const Decoder decoder = testing::tiny_qwen3().decoder();

  expect_same_with_less_memory([&] { return sweep_by_operators(decoder, 24); });
}

TEST(ScarceMemory, ASweepInWhichNotOneArmFitsIsAnError) {
  const Decoder decoder = testing::tiny_qwen3().decoder();
  const auto engine = make_torch_engine(decoder, {24, 0});
  engine->baseline({testing::random_tokens(decoder.arch(), 20, 3), 8, 12});
  const auto arms = some_arms(decoder.arch());
  const std::vector<JointArm> joint = {JointArm(&arms[0], 1)};
  const MemoryBudget budget(2000);

  expect_error(ErrorKind::device, HasSubstr("sweeping: out of memory on cpu even with a batch of one"),
               [&] { engine->run(joint, [](std::span<const std::size_t>, const at::Tensor&) {}); });
}

/// A generation with everything that may watch or change it.
struct Watched {
  std::vector<std::vector<std::int64_t>> tokens;
  std::vector<double> numbers;
  bool operator==(const Watched&) const = default;
};

Watched generate_watched(const Decoder& decoder) {
  const ArchSpec& arch = decoder.arch();
  std::vector<GenerationRequest> requests;
  std::vector<Intervention> edits;
  std::vector<SteerOrder> orders;
  const auto vector = std::make_shared<SteeringVector>(
      SteeringVector{{{LayerIndex(1), NeuronIndex(2)}, 0.5F, 0, 0}, {{LayerIndex(2), NeuronIndex(3)}, 0.7F, 0, 0}});
  for (std::int64_t i = 0; i < 9; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    requests.push_back({testing::random_tokens(arch, 6 + 2 * i, seed), seed, 10 + i});
    edits.push_back({i, {LayerIndex(i % arch.L), NeuronIndex(i)}, InterventionKind::add, 0.4F, Span::all});
    orders.push_back({i, vector, {1, SteerScope::generated, 0, 0, Doubt::entropy, 2}});
  }
  InterventionSet interventions(edits, arch);
  NeuronMeans means(arch);
  NeuronLast last(arch);
  Trajectory trajectory(arch);
  Steering steering(orders, arch);
  CompositeHook hook({&interventions, &steering, &means, &last, &trajectory});

  const auto made = generate(decoder, requests, {1.0, 1.0}, 8, &hook);

  interventions.check_applied();
  Watched watched;
  for (std::int64_t i = 0; i < 9; ++i) {
    watched.tokens.push_back(made[static_cast<std::size_t>(i)].tokens);
    const TraceGeometry geometry = trajectory.of(i);
    for (const double number :
         {made[static_cast<std::size_t>(i)].logprob, static_cast<double>(means.count(i)), geometry.angle,
          geometry.magnitude, static_cast<double>(geometry.n_tokens), steering.mean_strength(i)}) {
      watched.numbers.push_back(number);
    }
    if (means.count(i) == 0) continue;
    watched.numbers.push_back(means.take(i).to(at::kDouble).square().sum().item<double>());
    watched.numbers.push_back(last.of(i).to(at::kDouble).square().sum().item<double>());
  }
  return watched;
}

TEST(ScarceMemory, AGenerationStartsAgainInFewerSlotsAndEveryHookForgets) {
  const Decoder decoder = testing::tiny_llama().decoder();

  expect_same_with_less_memory([&] { return generate_watched(decoder); });
}

TEST(ScarceMemory, ScoringGoesOnWithFewerSequences) {
  const Decoder decoder = testing::tiny_gpt2().decoder();
  std::vector<ScoreRequest> requests;
  std::vector<SteerOrder> orders;
  const auto vector = std::make_shared<SteeringVector>(SteeringVector{{{LayerIndex(1), NeuronIndex(2)}, 0.5F, 0, 0}});
  for (std::int64_t i = 0; i < 16; ++i) {
    requests.push_back({testing::random_tokens(decoder.arch(), 20 + i, static_cast<std::uint64_t>(i)), 5, 5});
    orders.push_back({i, vector, {1, SteerScope::all, 0, 0}});
  }

  expect_same_with_less_memory([&] {
    Steering steering(orders, decoder.arch());
    std::vector<float> logprobs;
    for (const TokenScores& scores : score_tokens(decoder, requests, &steering)) {
      logprobs.insert(logprobs.end(), scores.logprobs.begin(), scores.logprobs.end());
    }
    for (std::int64_t i = 0; i < 16; ++i) EXPECT_EQ(steering.mean_strength(i), 1);
    return logprobs;
  });
}

/// Counts libtorch's operators that make the host wait for a number of the device.
class ReadBacks {
 public:
  ReadBacks() : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(count))) { count_ = 0; }
  ~ReadBacks() { at::removeCallback(handle_); }
  ReadBacks(const ReadBacks&) = delete;
  ReadBacks& operator=(const ReadBacks&) = delete;
  static int seen() { return count_; }

 private:
  static std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& function) {
    static const std::set<std::string> kWaiting = {
        "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero",
        "aten::masked_select",       "aten::unique"};
    count_ += kWaiting.contains(function.name()) ? 1 : 0;
    return nullptr;
  }
  static inline int count_ = 0;
  at::CallbackHandle handle_;
};

TEST(ByOperators, AForwardWithEveryHookReadsNoNumberBack) {
  for (const TinyModel& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    InterventionSet edits({{0, {LayerIndex(1), NeuronIndex(2)}, InterventionKind::scale, 0.5F, Span::all}}, model.arch);
    NeuronMeans means(model.arch);
    NeuronLast last(model.arch);
    CompositeHook hook({&edits, &means, &last});
    KvCache cache(model.arch, 1, 16, at::kFloat, at::kCPU);
    const at::AutoGradMode operators(true);  // there the CPU's own kernels do not run
    const ReadBacks read_backs;

    decoder.forward(padded_tokens({testing::random_tokens(model.arch, 9, 1)}), full_rows(1, 9, 4), &hook, &cache);
    BatchRows next = full_rows(1, 1, 4);
    next.first_position = {9};
    decoder.forward(padded_tokens({{1}}), next, &hook, &cache);

    EXPECT_EQ(ReadBacks::seen(), 0) << model.name;
    EXPECT_EQ(means.count(0), 6);
    EXPECT_GT(at::ones({2}).sum().item<double>() + ReadBacks::seen(), 2);  // the counter counts
  }
}

TEST(ByOperators, SteeringReadsNoNumberBack) {
  const TinyModel model = testing::tiny_llama();
  const auto vector =
      std::make_shared<SteeringVector>(SteeringVector{{{LayerIndex(0), NeuronIndex(2)}, 0.5F, 0.1F, 1}});
  Steering steering({{0, vector, {1, SteerScope::all, 0, 0.3}}}, model.arch);
  const at::Tensor before = at::linspace(-1, 1, 3 * model.arch.M).view({1, 3, model.arch.M}).to(at::kBFloat16);
  at::Tensor x = before.clone();
  const ReadBacks read_backs;

  steering.visit(Site::neuron, LayerIndex(0), x, full_rows(1, 3, 1));

  EXPECT_EQ(ReadBacks::seen(), 0);
  EXPECT_EQ(x.scalar_type(), at::kBFloat16);
  EXPECT_NEAR((x - before).max().item<float>(), 0.3, 0x1p-8);
}

}  // namespace
}  // namespace neurosweep
