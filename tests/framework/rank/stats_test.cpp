#include "framework/rank/stats.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

// Extra hours of sleep under two drugs, ten patients (Student 1908); drug 1 minus drug 2.
const std::vector<double> kSleep = {-1.2, -2.4, -1.3, -1.3, 0.0, -1.0, -1.8, -0.8, -4.6, -1.4};

TEST(Moments, OfStudentsSleepData) {
  const Moments moments = moments_of(kSleep);

  EXPECT_EQ(moments.n, 10);
  EXPECT_NEAR(moments.mean, -1.58, 1e-12);
  EXPECT_NEAR(moments.sd(), 1.2299954832798732, 1e-12);
}

TEST(Moments, KeepTheSpreadOfValuesFarFromZero) {
  const std::vector<double> x = {1e9 + 1, 1e9 + 2, 1e9 + 3};

  EXPECT_DOUBLE_EQ(moments_of(x).variance(), 1.0);
}

TEST(Moments, OfOneValueHaveNoSpread) {
  const Moments moments = moments_of(std::vector<double>{3.5});

  EXPECT_EQ(moments.sd(), 0);
  EXPECT_EQ(moments.standard_error(), 0);
}

TEST(TTestOfMean, AgreesWithStudentsSleepData) {
  const TTest test = t_test(moments_of(kSleep), Tail::two_sided);

  EXPECT_NEAR(test.t, -4.062127683382037, 1e-12);
  EXPECT_EQ(test.degrees, 9);
  EXPECT_NEAR(test.p, 0.0028328901973875, 1e-12);
}

TEST(TTestOfMean, HalvesThePInTheSupportedTail) {
  const Moments moments = moments_of(kSleep);

  EXPECT_NEAR(t_test(moments, Tail::less).p, 0.0028328901973875 / 2, 1e-12);
  EXPECT_NEAR(t_test(moments, Tail::greater).p, 1 - 0.0028328901973875 / 2, 1e-12);
}

TEST(TTestOfMean, OfEqualValuesFallsBackToSignFlips) {
  const Moments lowered = moments_of(std::vector<double>(4, -0.1));
  const Moments untouched = moments_of(std::vector<double>(4, 0.0));

  EXPECT_DOUBLE_EQ(t_test(lowered, Tail::two_sided).p, 1.0 / 8);
  EXPECT_DOUBLE_EQ(t_test(lowered, Tail::less).p, 1.0 / 16);
  EXPECT_DOUBLE_EQ(t_test(lowered, Tail::greater).p, 1);
  EXPECT_DOUBLE_EQ(t_test(untouched, Tail::two_sided).p, 1);
}

TEST(TTestOfMean, RefusesOneValueAndNan) {
  EXPECT_THROW(t_test(moments_of(std::vector<double>{1}), Tail::two_sided), Error);
  EXPECT_THROW(t_test(moments_of(std::vector<double>{1, std::nan("")}), Tail::two_sided), Error);
}

TEST(TInterval, AgreesWithStudentsSleepData) {
  const Interval interval = t_interval(moments_of(kSleep), 0.95);

  EXPECT_NEAR(interval.low, -2.4598858, 1e-7);
  EXPECT_NEAR(interval.high, -0.7001142, 1e-7);
}

TEST(TInterval, RefusesALevelOutsideZeroToOne) {
  EXPECT_THROW(t_interval(moments_of(kSleep), 95), Error);
}

TEST(BenjaminiHochbergQ, AgreesWithAHandCalculation) {
  // Sorted 0.01 0.02 0.03 0.5: times 4/rank 0.04 0.04 0.04 0.5.
  const std::vector<double> p = {0.5, 0.01, 0.03, 0.02};

  EXPECT_THAT(benjamini_hochberg(p), Pointwise(DoubleNear(1e-15), std::vector<double>{0.5, 0.04, 0.04, 0.04}));
}

TEST(BenjaminiHochbergQ, RejectsTheFourHypothesesOfTheFirstPaper) {
  // Benjamini and Hochberg 1995, section 4: at 0.05 the procedure rejects the four smallest of these 15.
  const std::vector<double> p = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                                 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0};

  const std::vector<double> q = benjamini_hochberg(p);

  for (std::size_t i = 0; i < p.size(); ++i) EXPECT_EQ(q[i] <= 0.05, i < 4) << "hypothesis " << i << " q " << q[i];
}

TEST(BenjaminiHochbergQ, RefusesWhatIsNoProbability) {
  EXPECT_THROW(benjamini_hochberg(std::vector<double>{0.1, 1.5}), Error);
  EXPECT_THROW(benjamini_hochberg(std::vector<double>{std::numeric_limits<double>::quiet_NaN()}), Error);
}

const std::vector<double> kIq = {106, 100, 86, 101, 99, 103, 97, 113, 112, 110};
const std::vector<double> kHours = {7, 27, 2, 50, 28, 29, 20, 12, 6, 17};

TEST(Correlation, OfTenPairsByHand) {
  EXPECT_NEAR(pearson(kIq, kHours), -0.07021632602905677, 1e-14);
  EXPECT_NEAR(spearman(kIq, kHours), -29.0 / 165, 1e-14);
}

TEST(Correlation, WithAConstantIsZero) {
  EXPECT_EQ(pearson(kIq, std::vector<double>(10, 3.0)), 0);
}

TEST(Correlation, RefusesSidesOfDifferentLength) {
  EXPECT_THROW(pearson(kIq, std::vector<double>{1, 2}), Error);
}

TEST(MidRanks, ShareTheMeanRankOfTies) {
  EXPECT_THAT(mid_ranks(std::vector<double>{3, 1, 3, 2}), ElementsAre(3.5, 1, 3.5, 2));
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0), 1);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 1), 4);
  EXPECT_THROW(quantile({}, 0.5), Error);
}

}  // namespace
}  // namespace neurosweep
