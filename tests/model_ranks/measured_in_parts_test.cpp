// What is measured on a decoder in parts, beside the whole one.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/measure/effects.hpp"
#include "framework/measure/prompt_activations.hpp"
#include "framework/measure/push.hpp"
#include "framework/measure/reach.hpp"
#include "framework/measure/screen.hpp"
#include "tests/model_ranks/checkpoints.hpp"
#include "tests/support/tiny_model.hpp"

namespace neurosweep {
namespace {

using testing::random_tokens;

constexpr double kInParts = 1e-4;

class MeasuredInParts : public testing::InParts {
 protected:
  ReferenceText text() const { return {random_tokens(arch(), 12, 5), 5, 9}; }

  std::vector<SweepArm> arms() const {
    std::vector<SweepArm> arms;
    for (std::int64_t flat = 0; flat < arch().L * arch().M; flat += 3) {
      arms.push_back({neuron_at(flat, arch().M), InterventionKind::scale, 0.25F, Span::all});
    }
    return arms;
  }

  /// Expects numbers of order 1 to agree, and to be the same bits on every rank.
  static void expect_agreement(const std::vector<float>& mine, const std::vector<float>& expected) {
    ASSERT_EQ(mine.size(), expected.size());
    for (std::size_t i = 0; i < mine.size(); ++i) {
      ASSERT_NEAR(mine[i], expected[i], kInParts * (1 + std::abs(expected[i]))) << "number " << i;
    }
    expect_same_on_all_ranks(mine.data(), mine.size() * sizeof(float));
  }
};

TEST_P(MeasuredInParts, EffectsOfSingleNeuronsAndOfSets) {
  SuffixSweep one(whole(), 16), many(parts(), 16);
  const std::vector<std::vector<SweepArm>> sets = {arms(), {arms().front(), arms().back()}};

  expect_agreement(measure_effects(many, text(), arms()).reasoning, measure_effects(one, text(), arms()).reasoning);
  expect_agreement(measure_joint_effects(many, text(), sets).answer, measure_joint_effects(one, text(), sets).answer);
}

TEST_P(MeasuredInParts, ScreensOfOneAndOfSeveralSteps) {
  for (const std::int64_t steps : {1, 3}) {
    const std::vector<float> value = {0};
    const auto expected = screen_effects(whole(), text(), InterventionKind::zero, value, Span::all, steps);
    const auto mine = screen_effects(parts(), text(), InterventionKind::zero, value, Span::all, steps);

    expect_agreement(mine.reasoning, expected.reasoning);
    expect_agreement(mine.answer, expected.answer);
  }
}

TEST_P(MeasuredInParts, ScreensByAValueOfEachNeuron) {
  std::vector<float> values(static_cast<std::size_t>(arch().L * arch().M));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.01F * static_cast<float>(i % 17);

  expect_agreement(screen_effects(parts(), text(), InterventionKind::mean, values, Span::prompt, 1).reasoning,
                   screen_effects(whole(), text(), InterventionKind::mean, values, Span::prompt, 1).reasoning);
}

TEST_P(MeasuredInParts, Reaches) {
  const std::vector<float> value = {0};

  const auto expected = ReachProbe(whole()).measure(text(), InterventionKind::zero, value, Span::all);
  const auto mine = ReachProbe(parts()).measure(text(), InterventionKind::zero, value, Span::all);

  EXPECT_NEAR(mine.baseline, expected.baseline, kInParts);
  expect_agreement(mine.effect, expected.effect);
  expect_agreement(mine.push, expected.push);
  expect_agreement(mine.displacement, expected.displacement);
}

TEST_P(MeasuredInParts, GradientsOfAPushAndWhatIsLearned) {
  const std::vector<PushText> texts = {{{random_tokens(arch(), 9, 5), 4, 4}, 1},
                                       {{random_tokens(arch(), 12, 6), 7, 7}, -0.5}};
  std::vector<NeuronId> neurons;
  for (std::int64_t flat = 0; flat < arch().L * arch().M; flat += 11) neurons.push_back(neuron_at(flat, arch().M));
  LearnOptions options;
  options.steps = 3;

  expect_agreement(push_gradient(parts(), texts), push_gradient(whole(), texts));
  const auto expected = learn_push(whole(), texts, neurons, options),
             mine = learn_push(parts(), texts, neurons, options);
  EXPECT_NEAR(mine.loss_after, expected.loss_after, 10 * kInParts);
  EXPECT_LT(mine.loss_after, mine.loss_before);
  expect_same_on_all_ranks(mine.push.data(), mine.push.size() * sizeof(float));
}

TEST_P(MeasuredInParts, ActivationsOfPrompts) {
  const auto prompt = random_tokens(arch(), 9, 3);
  const std::vector<NeuronId> neurons = {{LayerIndex(1), NeuronIndex(0)},
                                         {LayerIndex(0), NeuronIndex(static_cast<std::int32_t>(arch().M - 1))},
                                         {LayerIndex(1), NeuronIndex(static_cast<std::int32_t>(arch().M / 2))}};

  expect_agreement(measure_prompt_means(parts(), prompt), measure_prompt_means(whole(), prompt));
  expect_agreement(measure_prompt_tokens(parts(), prompt, neurons), measure_prompt_tokens(whole(), prompt, neurons));
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, MeasuredInParts, ::testing::ValuesIn(testing::golden_checkpoints()),
                         testing::checkpoint_name);

}  // namespace
}  // namespace neurosweep
