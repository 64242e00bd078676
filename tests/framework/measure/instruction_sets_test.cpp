// The determinism contract across hardware, as far as one machine can show it: the same study computed by the kernels
// for AVX-512, for AVX2 and for any processor.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <set>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "framework/measure/effects.hpp"
#include "framework/model/cpu/simd.hpp"
#include "framework/model/generate.hpp"
#include "framework/tasks/task.hpp"
#include "framework/text/tokenizer.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using cpu::InstructionSet;

constexpr const char* kModels = NS_SOURCE_DIR "/experiments/models";

/// How much is measured.
struct Extent {
  std::size_t items, answers;
  std::int64_t every;  ///< which neurons: every so many of a layer
};
constexpr Extent kAll{3, 48, 1}, kSome{1, 16, 8};

/// What one kind of hardware measures: the effects of every neuron on some items, and greedy answers.
struct Measured {
  std::vector<std::vector<float>> effects;  ///< by item
  std::vector<std::vector<std::int64_t>> answers;
};

class InstructionSets : public ::testing::Test {
 protected:
  ~InstructionSets() override { cpu::use_at_most(InstructionSet::v4); }

  static Measured measure(InstructionSet set, Extent extent) {
    cpu::use_at_most(set);
    const std::string model = std::string(kModels) + "/reasoner-small";
    const Decoder decoder = load_decoder(model);
    const Tokenizer tokenizer = Tokenizer::load(model);
    const auto items = read_task(std::string(kModels) + "/tasks/arith.jsonl");
    std::vector<SweepArm> arms;
    for (std::int64_t l = 0; l < decoder.arch().L; ++l) {
      for (std::int64_t i = 0; i < decoder.arch().M; i += extent.every) {
        arms.push_back({{LayerIndex(l), NeuronIndex(i)}, InterventionKind::zero, 0, Span::all});
      }
    }
    SuffixSweep sweep(decoder, 64);
    Measured measured;
    std::vector<GenerationRequest> requests;
    for (std::size_t k = 0; k < extent.answers; ++k) {
      const auto& fields = items.at(k).fields;
      const std::string prompt = fields.at("question") + "\n";
      requests.push_back({tokenizer.encode(prompt, AddSpecialTokens::yes), k, 40});
      if (k >= extent.items) continue;
      const auto text = make_reference(tokenizer, prompt, fields.at("reasoning") + "\nA: " + fields.at("answer"),
                                       fields.at("answer"), decoder.arch().eos.front(), decoder.arch().context, "item");
      measured.effects.push_back(measure_effects(sweep, text, arms).reasoning);
    }
    for (const Generation& made : generate(decoder, requests, {}, 16)) measured.answers.push_back(made.tokens);
    return measured;
  }

  /// The neurons whose suppression hurts most on average.
  static std::set<std::size_t> top_neurons(const Measured& measured, std::ptrdiff_t top) {
    const std::size_t n = measured.effects[0].size();
    std::vector<double> mean(n, 0);
    for (const auto& item : measured.effects) {
      for (std::size_t i = 0; i < n; ++i) mean[i] += item[i];
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return mean[a] < mean[b]; });
    return {order.begin(), order.begin() + top};
  }

  static double largest_difference(const Measured& a, const Measured& b) {
    double largest = 0;
    for (std::size_t k = 0; k < a.effects.size(); ++k) {
      for (std::size_t i = 0; i < a.effects[k].size(); ++i) {
        largest = std::max(largest, std::fabs(static_cast<double>(a.effects[k][i]) - b.effects[k][i]));
      }
    }
    return largest;
  }
};

/// The kernels for AVX-512 and for AVX2 make every number by the same chain of multiply-adds.
TEST_F(InstructionSets, Avx512AndAvx2GiveTheSameBits) {
  if (cpu::instruction_set() != InstructionSet::v4) GTEST_SKIP() << "this processor has no AVX-512";
  const Measured best = measure(InstructionSet::v4, kAll), found = measure(InstructionSet::v3, kAll);

  EXPECT_EQ(found.effects, best.effects);
  EXPECT_EQ(found.answers, best.answers);
}

/// Without multiply-adds every product is rounded: as far from the others as another kind of device.
TEST_F(InstructionSets, OfOtherHardwareAgreeWithinTheContract) {
  if (cpu::instruction_set() == InstructionSet::plain) GTEST_SKIP() << "this processor has no AVX2";
  constexpr std::ptrdiff_t kTop = 20;
  const Measured best = measure(InstructionSet::v4, kSome), found = measure(InstructionSet::plain, kSome);
  const auto top = top_neurons(best, kTop), found_top = top_neurons(found, kTop);
  const auto shared = std::count_if(top.begin(), top.end(), [&](auto i) { return found_top.contains(i); });
  std::size_t equal_answers = 0;
  for (std::size_t k = 0; k < best.answers.size(); ++k) equal_answers += found.answers[k] == best.answers[k] ? 1 : 0;
  const double difference = largest_difference(best, found);
  RecordProperty("largest_difference_of_an_effect", fmt::format("{:.3g}", difference));
  RecordProperty("shared_of_top_20", static_cast<int>(shared));
  RecordProperty("equal_answers", static_cast<int>(equal_answers));

#ifdef NDEBUG  // builds with sanitizers fuse no multiply-adds
  EXPECT_GT(difference, 0);
#endif
  EXPECT_LE(difference, testing::kOtherHardware);
  EXPECT_GE(shared, kTop - 1);
  EXPECT_GE(equal_answers, best.answers.size() - 1);
}

}  // namespace
}  // namespace neurosweep
