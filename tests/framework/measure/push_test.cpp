#include "framework/measure/push.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/intervene/steering.hpp"
#include "framework/model/score.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/for_each_family.hpp"

namespace neurosweep {
namespace {

std::vector<PushText> texts_of(const ArchSpec& arch) {
  return {{{testing::random_tokens(arch, 9, 5), 4, 4}, 1}, {{testing::random_tokens(arch, 12, 6), 7, 7}, -0.5}};
}

/// Weighted log p of the completions with `change` added to one neuron wherever a token of them is decided.
double pushed_logprob(const Decoder& decoder, const std::vector<PushText>& texts, NeuronId id, double change) {
  std::vector<ScoreRequest> requests;
  std::vector<SteerOrder> orders;
  for (const PushText& text : texts) {
    orders.push_back({static_cast<std::int64_t>(requests.size()),
                      std::make_shared<SteeringVector>(SteeringVector{{id, static_cast<float>(change), 0, 0}}),
                      {}});
    requests.push_back({text.text.tokens, text.text.prompt_length, text.text.prompt_length});
  }
  Steering steering(orders, decoder.arch());
  const auto scores = score_tokens(decoder, requests, &steering);
  double sum = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (const float logprob : scores[i].logprobs) sum += texts[i].weight * logprob;
  }
  return sum;
}

class PushOfFamily : public ::testing::TestWithParam<int> {
 protected:
  testing::TinyModel model_ = testing::tiny_models().at(static_cast<std::size_t>(GetParam()));
};

TEST_P(PushOfFamily, GradientIsTheSlopeOfTheSteeredLogProbability) {
  const Decoder decoder = model_.decoder();
  const auto texts = texts_of(model_.arch);

  const auto gradient = push_gradient(decoder, texts);

  ASSERT_EQ(static_cast<std::int64_t>(gradient.size()), model_.arch.L * model_.arch.M);
  for (std::int64_t flat = 0; flat < model_.arch.L * model_.arch.M; flat += 7) {
    const NeuronId id = neuron_at(flat, model_.arch.M);
    constexpr double kStep = 0.02;
    const double slope =
        (pushed_logprob(decoder, texts, id, kStep) - pushed_logprob(decoder, texts, id, -kStep)) / (2 * kStep);
    EXPECT_NEAR(gradient[static_cast<std::size_t>(flat)], slope, 2e-3 * (1 + std::abs(slope))) << "neuron " << flat;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, PushOfFamily, ::testing::Range(0, 4));

TEST(LearnedPush, MakesTheCompletionsLikelierAsSteeringByItDoes) {
  const testing::TinyModel model = testing::tiny_qwen3();
  const Decoder decoder = model.decoder();
  const std::vector<PushText> texts = {{{testing::random_tokens(model.arch, 9, 5), 4, 4}, 1}};
  const std::vector<NeuronId> neurons = {{LayerIndex(0), NeuronIndex(3)}, {LayerIndex(1), NeuronIndex(5)}};

  const LearnedPush learned = learn_push(decoder, texts, neurons, {80, 4, 0.1, 50, 1});

  SteeringVector vector;
  for (std::size_t k = 0; k < neurons.size(); ++k) vector.push_back({neurons[k], learned.push[k], 0, 0});
  Steering steering({{0, std::make_shared<SteeringVector>(vector), {}}}, model.arch);
  double sum = 0;
  const auto scores = score_tokens(decoder, {{texts[0].text.tokens, 4, 4}}, &steering);
  for (const float logprob : scores[0].logprobs) sum += logprob;
  EXPECT_LT(learned.loss_after, learned.loss_before);
  EXPECT_NEAR(-sum, learned.loss_after, 1e-4);
}

TEST(LearnedPush, StaysInsideItsNormAndFollowsFromItsSeed) {
  const testing::TinyModel model = testing::tiny_gpt2();
  const Decoder decoder = model.decoder();
  const auto texts = texts_of(model.arch);
  const std::vector<NeuronId> neurons = {{LayerIndex(0), NeuronIndex(3)}, {LayerIndex(0), NeuronIndex(4)}};
  const LearnOptions options{30, 1, 0.5, 0.25, 9};

  const auto once = learn_push(decoder, texts, neurons, options), again = learn_push(decoder, texts, neurons, options);

  EXPECT_EQ(once.push, again.push);
  EXPECT_LE(std::hypot(once.push[0], once.push[1]), 0.25 + 1e-6);
}

TEST(LearnedPush, WithoutANeuronOrATextIsAnError) {
  const testing::TinyModel model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const auto texts = texts_of(model.arch);

  expect_error(ErrorKind::input, ::testing::HasSubstr("texts and neurons"),
               [&] { learn_push(decoder, texts, {}, {}); });
  expect_error(ErrorKind::input, ::testing::HasSubstr("at least one text"), [&] { push_gradient(decoder, {}); });
}

}  // namespace
}  // namespace neurosweep
