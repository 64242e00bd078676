#include "framework/rank/proportions.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

TEST(McNemar, IsTheTwoSidedBinomialOfTheDiscordantItems) {
  EXPECT_NEAR(mcnemar_exact_p(2, 10), 0.03857421875, 1e-14);  // 2 (1 + 12 + 66) / 4096
  EXPECT_NEAR(mcnemar_exact_p(10, 2), 0.03857421875, 1e-14);
  EXPECT_DOUBLE_EQ(mcnemar_exact_p(4, 4), 1);
  EXPECT_DOUBLE_EQ(mcnemar_exact_p(0, 0), 1);
}

TEST(McNemar, ThreeMoreOfTwentyThreeQuestionsProveNothing) {
  EXPECT_DOUBLE_EQ(mcnemar_exact_p(0, 3), 0.25);  // 11 -> 14 right of 23, in the best case
}

TEST(McNemar, RefusesNegativeCounts) {
  EXPECT_THROW(mcnemar_exact_p(-1, 3), Error);
}

TEST(BinomialP, AgreesWithConoversMendelianExample) {
  EXPECT_NEAR(binomial_p(682, 925, 0.75, Tail::two_sided), 0.3824915595748517, 1e-9);
}

TEST(BinomialP, CountsItsTailsFromTheObservedCount) {
  EXPECT_DOUBLE_EQ(binomial_p(1, 3, 0.5, Tail::less), 0.5);
  EXPECT_DOUBLE_EQ(binomial_p(1, 3, 0.5, Tail::greater), 0.875);
  EXPECT_DOUBLE_EQ(binomial_p(0, 3, 0.5, Tail::greater), 1);
  EXPECT_THROW(binomial_p(4, 3, 0.5, Tail::less), Error);
}

TEST(Wilson, OfElevenOfTwentyThree) {
  const Interval interval = wilson_interval(11, 23, 0.95);

  EXPECT_NEAR(interval.low, 0.29237157416646653, 1e-12);
  EXPECT_NEAR(interval.high, 0.6703726266357259, 1e-12);
}

TEST(PoissonBinomial, IsTheBinomialForEqualRates) {
  const std::vector<double> rates(12, 0.5);

  EXPECT_NEAR(poisson_binomial_p(2, rates), mcnemar_exact_p(2, 10), 1e-14);
  EXPECT_NEAR(poisson_binomial_p(10, rates), mcnemar_exact_p(2, 10), 1e-14);
  EXPECT_EQ(poisson_binomial_p(6, rates), 1);
}

TEST(PoissonBinomial, CertainTrialsDecideNothing) {
  EXPECT_NEAR(poisson_binomial_p(3, std::vector<double>{1, 0.2, 0.3, 1, 0}), 2 * (0.2 * 0.7 + 0.8 * 0.3 + 0.2 * 0.3),
              1e-14);
  EXPECT_EQ(poisson_binomial_p(0, {}), 1);
  EXPECT_EQ(poisson_binomial_p(2, std::vector<double>{1, 1}), 1);
}

TEST(PoissonBinomial, KeepsFarTails) {
  EXPECT_NEAR(std::log2(poisson_binomial_p(0, std::vector<double>(900, 0.5))), -899, 1e-9);
}

TEST(PoissonBinomial, RefusesWhatIsNoProbability) {
  EXPECT_THROW(poisson_binomial_p(3, std::vector<double>{0.5}), Error);
  EXPECT_THROW(poisson_binomial_p(0, std::vector<double>{1.5}), Error);
}

TEST(Wilson, TouchesTheEndsForNoneAndAll) {
  EXPECT_EQ(wilson_interval(0, 10, 0.95).low, 0);
  EXPECT_EQ(wilson_interval(10, 10, 0.95).high, 1);
  EXPECT_GT(wilson_interval(0, 10, 0.95).high, 0.2);
}

TEST(Wilson, RefusesNoTrials) {
  EXPECT_THROW(wilson_interval(0, 0, 0.95), Error);
}

TEST(ClopperPearson, OfElevenOfTwentyThree) {
  const Interval interval = clopper_pearson_interval(11, 23, 0.95);

  EXPECT_NEAR(interval.low, 0.26819618617555324, 1e-12);
  EXPECT_NEAR(interval.high, 0.6941219985086265, 1e-12);
}

TEST(ClopperPearson, EndsAreTheRuleForNoneAndAll) {
  EXPECT_NEAR(clopper_pearson_interval(0, 10, 0.95).high, 1 - std::pow(0.025, 0.1), 1e-12);
  EXPECT_EQ(clopper_pearson_interval(0, 10, 0.95).low, 0);
  EXPECT_EQ(clopper_pearson_interval(10, 10, 0.95).high, 1);
}

TEST(Power, SixItemsAreTheLeastThatMcNemarCanCallSignificant) {
  EXPECT_DOUBLE_EQ(least_significant_change(23, 0.05), 6.0 / 23);
  EXPECT_GT(least_significant_change(5, 0.05), 1);
}

TEST(Power, OfAHundredItemsFindsAnEightPointChange) {
  EXPECT_NEAR(detectable_change(100, 0.05, 0.8), 0.07791107495026073, 1e-9);
  EXPECT_EQ(detectable_change(5, 0.05, 0.8), 1);
}

}  // namespace
}  // namespace neurosweep
