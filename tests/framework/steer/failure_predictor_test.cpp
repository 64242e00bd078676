#include "framework/steer/failure_predictor.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "framework/rank/prediction_quality.hpp"

namespace neurosweep {
namespace {

constexpr std::int64_t kK = 6;

/// Prompts of 3 to 9 tokens. One of them, at a random place, has neuron 0 far up; whether its neuron 1 is up decides.
std::vector<FailureExample> marked_prompts(int n, std::uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  std::vector<FailureExample> examples;
  for (int i = 0; i < n; ++i) {
    const std::int64_t T = 3 + i % 7;
    FailureExample example{at::empty({T, kK}).normal_(0, 1, generator).mul(2).add(5), i % 2 == 0 ? 1.0 : 0.0};
    const auto place = at::empty({1}, at::kLong).random_(0, T, generator).item<std::int64_t>();
    example.activations[place][0] = 25;
    example.activations[place][1] = example.failed == 1 ? 9 : 1;
    examples.push_back(std::move(example));
  }
  return examples;
}

FailureNetworkSpec quick_spec() {
  FailureNetworkSpec spec;
  spec.hidden = 32;
  spec.learning_rate = 3e-3;
  spec.epochs = 60;
  spec.seed = 4;
  return spec;
}

double held_out_auroc(const FailurePredictor& predictor) {
  const auto examples = marked_prompts(200, 3);
  std::vector<double> failed;
  for (const auto& example : examples) failed.push_back(example.failed);
  return auroc(predictor.logits(examples), failed, 0.95)->value;
}

TEST(FailurePredictor, LearnsWhichTokenToLookAt) {
  const auto train = marked_prompts(300, 1), validate = marked_prompts(100, 2);
  FailureNetworkSpec mean = quick_spec();
  mean.pooling = TokenPooling::mean;

  const FailurePredictor attentive(quick_spec(), train, validate), averaging(mean, train, validate);

  EXPECT_GT(held_out_auroc(attentive), 0.97);
  EXPECT_LT(held_out_auroc(averaging), 0.95);
  EXPECT_GT(attentive.weights().attention[0].item<float>(), 0.3f);
  EXPECT_LT(attentive.validate_loss(), 0.3);
}

TEST(FailurePredictor, GivesTheSameLogitsWhenTrainedAgain) {
  const auto train = marked_prompts(80, 1), validate = marked_prompts(40, 2);

  const FailurePredictor first(quick_spec(), train, validate), second(quick_spec(), train, validate);

  EXPECT_EQ(first.logits(validate), second.logits(validate));
}

TEST(FailurePredictor, GivesAPromptTheSameLogitWhateverItsNeighbours) {
  const auto examples = marked_prompts(40, 2);
  const FailurePredictor predictor(quick_spec(), marked_prompts(80, 1), examples);

  const auto together = predictor.logits(examples);

  for (std::size_t i = 0; i < examples.size(); ++i) {
    EXPECT_NEAR(predictor.logits({{examples[i]}}).front(), together[i], 1e-5);
  }
}

TEST(FailurePredictor, KeepsTheEpochOfTheBestValidationLoss) {
  auto train = marked_prompts(40, 1), validate = marked_prompts(40, 2);
  for (auto& example : train) example.failed = 1 - example.failed;  // what it learns is wrong for validation

  const FailurePredictor predictor(quick_spec(), train, validate);

  EXPECT_LE(predictor.epochs(), 5);
  EXPECT_LT(predictor.validate_loss(), 1);
}

TEST(FailurePredictor, LearnsRatesFromSharesOfFailures) {
  auto train = marked_prompts(200, 1), validate = marked_prompts(60, 2);
  for (auto* examples : {&train, &validate}) {
    for (auto& example : *examples) example.failed = 0.25;
  }

  const FailurePredictor predictor(quick_spec(), train, validate);

  double sum = 0;
  for (double logit : predictor.logits(validate)) sum += 1 / (1 + std::exp(-logit));
  EXPECT_NEAR(sum / 60, 0.25, 0.03);
}

TEST(FailurePredictor, RefusesPromptsThatItCannotRead) {
  const auto good = marked_prompts(4, 1);
  const std::vector<FailureExample> none, other = {{at::zeros({3, kK + 1}), 0}}, empty = {{at::zeros({0, kK}), 0}};

  EXPECT_THROW(FailurePredictor(quick_spec(), none, good), Error);
  EXPECT_THROW(FailurePredictor(quick_spec(), good, none), Error);
  EXPECT_THROW(FailurePredictor(quick_spec(), good, other), Error);
  EXPECT_THROW(FailurePredictor(quick_spec(), empty, good), Error);
  EXPECT_THROW(parse_pooling("max"), Error);
}

}  // namespace
}  // namespace neurosweep
