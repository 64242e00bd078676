#include "framework/measure/effects.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/intervene/intervention_set.hpp"
#include "framework/model/score.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::kSameMath;

/// Slow twin: scores the whole sequence under one set alone; sum of log p from `begin` on.
double scored_sum(const Decoder& decoder, const ReferenceText& text, std::int64_t begin,
                  const std::vector<SweepArm>& set) {
  std::vector<Intervention> edits;
  for (const SweepArm& arm : set) edits.push_back({0, arm.neuron, arm.kind, arm.value, arm.span});
  InterventionSet hook(std::move(edits), decoder.arch());
  const auto scores = score_tokens(decoder, {{text.tokens, text.prompt_length, begin}}, &hook);
  double sum = 0;
  for (float logprob : scores[0].logprobs) sum += logprob;
  return sum;
}

SweepArm arm(int layer, int neuron, InterventionKind kind = InterventionKind::zero, float value = 0,
             Span span = Span::all) {
  return {{LayerIndex(layer), NeuronIndex(neuron)}, kind, value, span};
}

TEST(MeasureJointEffects, AreScoresWithTheWholeSetMinusScoresWithout) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const ReferenceText text{testing::random_tokens(model.arch, 12, 5), 5, 9};
    const std::vector<std::vector<SweepArm>> sets = {
        {arm(0, 1), arm(1, 2, InterventionKind::set, 3)},
        {arm(1, 0, InterventionKind::scale, -2, Span::prompt)},
        {arm(0, 1), arm(0, 2), arm(0, 3), arm(1, 1, InterventionKind::add, 1, Span::generated)}};
    SuffixSweep sweep(decoder, 2);

    const PromptEffects effects = measure_joint_effects(sweep, text, sets);

    const double reasoning = scored_sum(decoder, text, 5, {});
    const double answer = scored_sum(decoder, text, 9, {});
    EXPECT_EQ(effects.n_reasoning, 7);
    EXPECT_EQ(effects.n_answer, 3);
    EXPECT_NEAR(effects.reasoning_baseline, reasoning, 10 * kSameMath) << model.name;
    EXPECT_NEAR(effects.answer_baseline, answer, 10 * kSameMath) << model.name;
    ASSERT_EQ(effects.reasoning.size(), sets.size());
    for (std::size_t i = 0; i < sets.size(); ++i) {
      EXPECT_NEAR(effects.reasoning[i], scored_sum(decoder, text, 5, sets[i]) - reasoning, 10 * kSameMath)
          << model.name;
      EXPECT_NEAR(effects.answer[i], scored_sum(decoder, text, 9, sets[i]) - answer, 10 * kSameMath) << model.name;
    }
  }
}

TEST(MeasureJointEffects, OfSingleNeuronsAreMeasureEffects) {
  const auto model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const ReferenceText text{testing::random_tokens(model.arch, 10, 7), 4, 7};
  const std::vector<SweepArm> arms = {arm(0, 3), arm(1, 1), arm(1, 5, InterventionKind::set, 2)};
  SuffixSweep sweep(decoder, 4);

  const auto joint =
      measure_joint_effects(sweep, text, std::vector<std::vector<SweepArm>>{{arms[0]}, {arms[1]}, {arms[2]}});

  const auto single = measure_effects(sweep, text, arms);
  for (std::size_t i = 0; i < arms.size(); ++i) {
    EXPECT_NEAR(joint.reasoning[i], single.reasoning[i], 10 * kSameMath);
    EXPECT_NEAR(joint.answer[i], single.answer[i], 10 * kSameMath);
  }
}

TEST(MeasureJointEffects, RefuseANeuronOutsideTheModel) {
  const auto model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const ReferenceText text{testing::random_tokens(model.arch, 8, 6), 3, 6};
  SuffixSweep sweep(decoder, 1);

  expect_error(ErrorKind::input, HasSubstr("9999"), [&] {
    measure_joint_effects(sweep, text, std::vector<std::vector<SweepArm>>{{arm(0, 1), arm(0, 9999)}});
  });
}

}  // namespace
}  // namespace neurosweep
