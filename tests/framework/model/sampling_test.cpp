#include "framework/model/sampling.hpp"

#include <cmath>
#include <set>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

/// Logits whose softmax is the given probabilities.
at::Tensor logits_of(const std::vector<float>& probabilities) {
  return at::tensor(probabilities, at::kFloat).log().unsqueeze(0);
}

std::int64_t sample_one(const std::vector<float>& probabilities, double uniform, const SamplingSpec& spec) {
  const at::Tensor u = at::full({1}, uniform, at::kDouble);
  return sample_tokens(logits_of(probabilities), u, spec).tokens.item<std::int64_t>();
}

TEST(Sampling, GreedyTakesTheFirstOfTheMostLikely) {
  EXPECT_EQ(sample_one({0.1F, 0.4F, 0.4F, 0.1F}, 0.99, {}), 1);
}

TEST(Sampling, LogprobIsOfTheFullDistributionAtTemperatureOne) {
  const at::Tensor u = at::full({1}, 0.0, at::kDouble);

  const auto sampled = sample_tokens(logits_of({0.25F, 0.75F}), u, {.temperature = 3.0, .top_p = 0.1});

  EXPECT_EQ(sampled.tokens.item<std::int64_t>(), 1);
  EXPECT_NEAR(sampled.logprobs.item<double>(), std::log(0.75), 1e-6);
}

TEST(Sampling, UniformWalksTheDistribution) {
  const SamplingSpec spec{.temperature = 1.0};

  EXPECT_EQ(sample_one({0.2F, 0.5F, 0.3F}, 0.0, spec), 0);
  EXPECT_EQ(sample_one({0.2F, 0.5F, 0.3F}, 0.19, spec), 0);
  EXPECT_EQ(sample_one({0.2F, 0.5F, 0.3F}, 0.21, spec), 1);
  EXPECT_EQ(sample_one({0.2F, 0.5F, 0.3F}, 0.69, spec), 1);
  EXPECT_EQ(sample_one({0.2F, 0.5F, 0.3F}, 0.71, spec), 2);
  EXPECT_EQ(sample_one({0.2F, 0.5F, 0.3F}, std::nextafter(1.0, 0.0), spec), 2);
}

TEST(Sampling, ATokenOfNoProbabilityIsNeverTaken) {
  EXPECT_EQ(sample_one({0.0F, 0.5F, 0.5F, 0.0F}, 0.0, {.temperature = 1.0}), 1);
  EXPECT_EQ(sample_one({0.0F, 0.5F, 0.5F, 0.0F}, std::nextafter(1.0, 0.0), {.temperature = 1.0}), 2);
}

TEST(Sampling, LowTemperatureSharpens) {
  EXPECT_EQ(sample_one({0.4F, 0.6F}, 0.3, {.temperature = 1.0}), 0);
  EXPECT_EQ(sample_one({0.4F, 0.6F}, 0.3, {.temperature = 0.1}), 1);
}

TEST(Sampling, TopPKeepsTheFewestThatHoldTheMass) {
  const SamplingSpec spec{.temperature = 1.0, .top_p = 0.7};
  std::set<std::int64_t> seen;

  for (int i = 0; i < 100; ++i) seen.insert(sample_one({0.1F, 0.5F, 0.3F, 0.1F}, i / 100.0, spec));

  EXPECT_EQ(seen, (std::set<std::int64_t>{1, 2}));
}

TEST(Sampling, RandomStreamsAreUniformAndTheirOwn) {
  double sum = 0, square = 0, product = 0;
  constexpr int n = 20000;

  for (int i = 0; i < n; ++i) {
    const double a = uniform_at(7, static_cast<std::uint64_t>(i)), b = uniform_at(8, static_cast<std::uint64_t>(i));
    ASSERT_GE(a, 0.0);
    ASSERT_LT(a, 1.0);
    sum += a;
    square += a * a;
    product += (a - 0.5) * (b - 0.5);
  }

  EXPECT_NEAR(sum / n, 0.5, 0.01);
  EXPECT_NEAR(square / n, 1.0 / 3, 0.01);
  EXPECT_NEAR(product / n, 0.0, 0.003);
  EXPECT_EQ(uniform_at(7, 3), uniform_at(7, 3));
}

TEST(Sampling, RejectsSettingsOutsideTheirRange) {
  expect_error(ErrorKind::input, ::testing::HasSubstr("temperature -1"), [] { check_sampling({.temperature = -1}); });
  expect_error(ErrorKind::input, ::testing::HasSubstr("top_p 0"),
               [] { check_sampling({.temperature = 1, .top_p = 0}); });
  expect_error(ErrorKind::input, ::testing::HasSubstr("top_p 1.5"), [] { check_sampling({.top_p = 1.5}); });
  expect_error(ErrorKind::input, ::testing::HasSubstr("nan"), [] { check_sampling({.temperature = std::nan("")}); });
}

}  // namespace
}  // namespace neurosweep
