// The determinism contract across hardware, as far as one machine can show it: the same study computed by the kernels
// for AVX-512 and by those for AVX2.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <set>

#include <ATen/ATen.h>
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
constexpr std::size_t kItems = 3, kTop = 50;

/// What one kind of hardware measures: the effects of every neuron on some items, and greedy answers.
struct Measured {
  std::vector<std::vector<float>> effects;  ///< by item
  std::vector<std::vector<std::int64_t>> answers;
};

class InstructionSets : public ::testing::Test {
 protected:
  ~InstructionSets() override { cpu::use_at_most(InstructionSet::v4); }

  static Measured measure(InstructionSet set) {
    cpu::use_at_most(set);
    const std::string model = std::string(kModels) + "/reasoner-small";
    const Decoder decoder = load_decoder(model);
    const Tokenizer tokenizer = Tokenizer::load(model);
    const auto items = read_task(std::string(kModels) + "/tasks/arith.jsonl");
    std::vector<SweepArm> arms;
    for (std::int64_t l = 0; l < decoder.arch().L; ++l) {
      for (std::int64_t i = 0; i < decoder.arch().M; ++i) {
        arms.push_back({{LayerIndex(l), NeuronIndex(i)}, InterventionKind::zero, 0, Span::all});
      }
    }
    SuffixSweep sweep(decoder, 64);
    Measured measured;
    std::vector<GenerationRequest> requests;
    for (std::size_t k = 0; k < kItems * 8; ++k) {
      const auto& fields = items.at(k).fields;
      const std::string prompt = fields.at("question") + "\n";
      requests.push_back({tokenizer.encode(prompt, AddSpecialTokens::yes), k, 40});
      if (k >= kItems) continue;
      const auto text = make_reference(tokenizer, prompt, fields.at("reasoning") + "\nA: " + fields.at("answer"),
                                       fields.at("answer"), decoder.arch().eos.front(), decoder.arch().context, "item");
      measured.effects.push_back(measure_effects(sweep, text, arms).reasoning);
    }
    for (const Generation& made : generate(decoder, requests, {}, 16)) measured.answers.push_back(made.tokens);
    return measured;
  }

  /// The neurons whose suppression hurts most on average, and the mean of each.
  static std::set<std::size_t> top_neurons(const Measured& measured) {
    const std::size_t n = measured.effects[0].size();
    std::vector<double> mean(n, 0);
    for (const auto& item : measured.effects) {
      for (std::size_t i = 0; i < n; ++i) mean[i] += item[i] / static_cast<double>(kItems);
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return mean[a] < mean[b]; });
    return {order.begin(), order.begin() + kTop};
  }

  static double largest_difference(const Measured& a, const Measured& b) {
    double largest = 0;
    for (std::size_t k = 0; k < kItems; ++k) {
      for (std::size_t i = 0; i < a.effects[k].size(); ++i) {
        largest = std::max(largest, std::fabs(static_cast<double>(a.effects[k][i]) - b.effects[k][i]));
      }
    }
    return largest;
  }
};

TEST_F(InstructionSets, OfOtherHardwareAgreeWithinTheContract) {
  const Measured best = measure(InstructionSet::v4), found = measure(InstructionSet::v3);
  const auto top = top_neurons(best), found_top = top_neurons(found);
  const auto shared = std::count_if(top.begin(), top.end(), [&](auto i) { return found_top.contains(i); });
  std::size_t equal_answers = 0;
  for (std::size_t k = 0; k < best.answers.size(); ++k) equal_answers += found.answers[k] == best.answers[k] ? 1 : 0;
  const double difference = largest_difference(best, found);
  RecordProperty("largest_difference_of_an_effect", fmt::format("{:.3g}", difference));
  RecordProperty("shared_of_top_50", static_cast<int>(shared));
  RecordProperty("equal_answers_percent", static_cast<int>(equal_answers * 100 / best.answers.size()));

  EXPECT_LE(difference, testing::kOtherHardware);
  EXPECT_GE(shared, static_cast<std::ptrdiff_t>(kTop) - 1);
  EXPECT_GE(equal_answers * 100, best.answers.size() * 95);
}

TEST_F(InstructionSets, AreTheSameBitsEachTimeByThemselves) {
  const Measured first = measure(InstructionSet::v3), second = measure(InstructionSet::v3);

  EXPECT_EQ(first.effects, second.effects);
  EXPECT_EQ(first.answers, second.answers);
}

}  // namespace
}  // namespace neurosweep
