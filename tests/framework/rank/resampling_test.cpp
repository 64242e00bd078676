#include "framework/rank/resampling.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "framework/rank/counter_rng.hpp"

namespace neurosweep {
namespace {

// Heights of crossed minus self-fertilised maize, fifteen pots, eighths of an inch (Darwin 1876; Fisher 1935).
const std::vector<double> kMaize = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};

TEST(SignedRank, AgreesWithHollanderAndWolfesDepressionData) {
  const std::vector<double> before = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
  const std::vector<double> after = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
  std::vector<double> x;
  for (std::size_t i = 0; i < before.size(); ++i) x.push_back(before[i] - after[i]);

  const SignedRankTest test = wilcoxon_signed_rank(x, Tail::greater);

  EXPECT_EQ(test.statistic, 40);
  EXPECT_DOUBLE_EQ(test.p, 10.0 / 512);
}

TEST(SignedRank, IsExactOverTiesAndDropsZeros) {
  const std::vector<double> x = {1, 0, 1, -2, 3, 3};

  const SignedRankTest test = wilcoxon_signed_rank(x, Tail::greater);

  EXPECT_EQ(test.statistic, 12);
  EXPECT_DOUBLE_EQ(test.p, 5.0 / 32);
  EXPECT_DOUBLE_EQ(wilcoxon_signed_rank(x, Tail::two_sided).p, 10.0 / 32);
}

TEST(SignedRank, NormalTailContinuesTheExactOne) {
  std::vector<double> x;
  for (int i = 1; i <= 50; ++i) x.push_back(i % 3 == 0 ? -i : i);
  std::vector<double> longer = x;
  longer.push_back(1e-3);  // rank 1: shifts the statistic by little

  const double exact = wilcoxon_signed_rank(x, Tail::two_sided).p;
  const double normal = wilcoxon_signed_rank(longer, Tail::two_sided).p;

  EXPECT_NEAR(normal, exact, 0.15 * exact);
}

TEST(SignedRank, FarTailsAreSmallAndNotZero) {
  std::vector<double> x;
  for (int i = 1; i <= 120; ++i) x.push_back(i);

  const double above = wilcoxon_signed_rank(x, Tail::greater).p;
  for (double& value : x) value = -value;
  const double below = wilcoxon_signed_rank(x, Tail::less).p;

  EXPECT_DOUBLE_EQ(above, below);
  EXPECT_GT(below, 1e-22);
  EXPECT_LT(below, 1e-20);
}

TEST(SignedRank, OfZerosIsOne) {
  EXPECT_EQ(wilcoxon_signed_rank(std::vector<double>{0, 0}, Tail::less).p, 1);
}

TEST(Bootstrap, RepeatsWithItsSeedAndHoldsTheMean) {
  const Interval interval = bootstrap_interval(kMaize, {.seed = 3});
  const Interval again = bootstrap_interval(kMaize, {.seed = 3});
  const double mean = moments_of(kMaize).mean;

  EXPECT_EQ(interval.low, again.low);
  EXPECT_EQ(interval.high, again.high);
  EXPECT_LT(interval.low, mean);
  EXPECT_GT(interval.high, mean);
}

TEST(Bootstrap, BcaMovesTowardsTheLongTailOfSkewedData) {
  const std::vector<double> skewed = {0, 0, 0, 0, 0, 1, 1, 1, 2, 12};

  const Interval plain = bootstrap_interval(skewed, {.kind = BootstrapKind::percentile, .seed = 5});
  const Interval bca = bootstrap_interval(skewed, {.kind = BootstrapKind::bca, .seed = 5});

  EXPECT_GT(bca.high, plain.high);
  EXPECT_GE(bca.low, plain.low);
}

TEST(Bootstrap, OfEqualValuesIsAPoint) {
  const Interval interval = bootstrap_interval(std::vector<double>(5, 0.25), {});

  EXPECT_EQ(interval.low, 0.25);
  EXPECT_EQ(interval.high, 0.25);
}

TEST(Bootstrap, RefusesOneValueAndBadLevels) {
  EXPECT_THROW(bootstrap_interval(std::vector<double>{1}, {}), Error);
  EXPECT_THROW(bootstrap_interval(kMaize, {.level = 95}), Error);
}

TEST(CounterRngDraws, AreUniformBelowABound) {
  CounterRng rng(11);
  std::vector<int> counts(10, 0);

  for (int i = 0; i < 100000; ++i) ++counts[rng.below(10)];

  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi_squared, 27.88);  // 0.999 quantile, 9 degrees
}

TEST(CounterRngDraws, DifferBetweenSeedsAndRepeatForOne) {
  std::set<std::uint64_t> seen;

  for (std::uint64_t seed = 0; seed < 1000; ++seed) seen.insert(CounterRng(seed).next());

  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(CounterRng(5).next(), CounterRng(5).next());
}

}  // namespace
}  // namespace neurosweep
