#include "framework/measure/effects.hpp"

#include <gtest/gtest.h>

#include "framework/intervene/intervention_set.hpp"
#include "framework/model/score.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::kSameMath;

/// Slow twin: scores the whole sequence with and without one arm; sum of log p from `begin` on.
double scored_sum(const Decoder& decoder, const ReferenceText& text, std::int64_t begin, const SweepArm* arm) {
  std::vector<Intervention> edits;
  if (arm) edits.push_back({0, arm->neuron, arm->kind, arm->value, arm->span});
  InterventionSet hook(std::move(edits), decoder.arch());
  const auto scores = score_tokens(decoder, {{text.tokens, text.prompt_length, begin}}, &hook);
  double sum = 0;
  for (float logprob : scores[0].logprobs) sum += logprob;
  return sum;
}

TEST(MeasureEffects, AreScoresWithTheArmMinusScoresWithout) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const ReferenceText text{testing::random_tokens(model.arch, 12, 5), 5, 9};
    const std::vector<SweepArm> arms = {{{LayerIndex(0), NeuronIndex(1)}, InterventionKind::zero, 0, Span::all},
                                        {{LayerIndex(1), NeuronIndex(2)}, InterventionKind::set, 3, Span::all},
                                        {{LayerIndex(1), NeuronIndex(0)}, InterventionKind::scale, -2, Span::prompt}};
    SuffixSweep sweep(decoder, 2);

    const PromptEffects effects = measure_effects(sweep, text, arms);

    const double reasoning = scored_sum(decoder, text, 5, nullptr);
    const double answer = scored_sum(decoder, text, 9, nullptr);
    EXPECT_EQ(effects.n_reasoning, 7);
    EXPECT_EQ(effects.n_answer, 3);
    EXPECT_NEAR(effects.reasoning_baseline, reasoning, 10 * kSameMath) << model.name;
    EXPECT_NEAR(effects.answer_baseline, answer, 10 * kSameMath) << model.name;
    for (std::size_t i = 0; i < arms.size(); ++i) {
      EXPECT_NEAR(effects.reasoning[i], scored_sum(decoder, text, 5, &arms[i]) - reasoning, 10 * kSameMath)
          << model.name;
      EXPECT_NEAR(effects.answer[i], scored_sum(decoder, text, 9, &arms[i]) - answer, 10 * kSameMath) << model.name;
    }
  }
}

TEST(MeasureEffects, OfScaleByOneAreZeroBitForBit) {
  const auto model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const ReferenceText text{testing::random_tokens(model.arch, 8, 6), 3, 6};
  SuffixSweep sweep(decoder, 1);

  const auto effects = measure_effects(
      sweep, text, std::vector<SweepArm>{{{LayerIndex(1), NeuronIndex(4)}, InterventionKind::scale, 1, Span::all}});

  EXPECT_EQ(effects.reasoning[0], 0.0f);
  EXPECT_EQ(effects.answer[0], 0.0f);
}

}  // namespace
}  // namespace neurosweep
