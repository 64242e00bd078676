#include "framework/rank/prediction_quality.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "framework/rank/counter_rng.hpp"

namespace neurosweep {
namespace {

double normal_draw(CounterRng& rng) {
  return std::sqrt(-2 * std::log(1 - rng.uniform())) * std::cos(2 * std::numbers::pi * rng.uniform());
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

struct Sample {
  std::vector<double> score, outcome;
};

/// The ratings of 109 scans, 51 of them of ill patients, that Hanley and McNeil 1982 work through.
Sample hanley_mcneil() {
  const std::vector<int> healthy = {33, 6, 6, 11, 2}, ill = {3, 2, 2, 11, 33};
  Sample sample;
  for (int rating = 0; rating < 5; ++rating) {
    for (int i = 0; i < healthy[static_cast<std::size_t>(rating)] + ill[static_cast<std::size_t>(rating)]; ++i) {
      sample.score.push_back(rating);
      sample.outcome.push_back(i < ill[static_cast<std::size_t>(rating)] ? 1 : 0);
    }
  }
  return sample;
}

double logit_half_width(const Interval& interval) {
  return (std::log(interval.high / (1 - interval.high)) - std::log(interval.low / (1 - interval.low))) / 2;
}

TEST(Auroc, IsThatOfAPublishedExample) {
  const Sample sample = hanley_mcneil();

  const auto result = auroc(sample.score, sample.outcome, 0.95);

  ASSERT_TRUE(result);
  EXPECT_NEAR(result->value, 0.893, 0.0005);
  const double standard_error = logit_half_width(result->interval) / 1.959964 * result->value * (1 - result->value);
  EXPECT_NEAR(standard_error, 0.032, 0.0015);
}

/// DeLong's variance by all pairs, for outcomes 0 and 1.
double slow_delong_variance(const Sample& sample, double value) {
  std::vector<double> events, others;
  for (std::size_t i = 0; i < sample.score.size(); ++i) {
    (sample.outcome[i] == 1 ? events : others).push_back(sample.score[i]);
  }
  const auto component = [&](const std::vector<double>& of, const std::vector<double>& against, double sign) {
    double sum = 0;
    for (double x : of) {
      double wins = 0;
      for (double y : against) wins += x == y ? 0.5 : sign * (x - y) > 0 ? 1 : 0;
      sum += std::pow(wins / static_cast<double>(against.size()) - value, 2);
    }
    const auto n = static_cast<double>(of.size());
    return sum / (n - 1) / n;
  };
  return component(events, others, 1) + component(others, events, -1);
}

TEST(Auroc, HasTheVarianceOfDeLongsPairs) {
  CounterRng rng(3);
  Sample sample;
  for (int i = 0; i < 40; ++i) {
    sample.outcome.push_back(i % 3 == 0 ? 1 : 0);
    sample.score.push_back(std::round(4 * (normal_draw(rng) + sample.outcome.back())));
  }

  const auto result = auroc(sample.score, sample.outcome, 0.95);

  ASSERT_TRUE(result);
  const double expected =
      1.959964 * std::sqrt(slow_delong_variance(sample, result->value)) / (result->value * (1 - result->value));
  EXPECT_NEAR(logit_half_width(result->interval), expected, 1e-6);
}

TEST(Auroc, OfSharesIsThatOfTheAttemptsOneByOne) {
  const std::vector<double> score = {0.1, 0.4, 0.4, 0.9}, share = {0, 0.5, 0.25, 1};
  Sample attempts;
  for (std::size_t i = 0; i < score.size(); ++i) {
    for (int k = 0; k < 4; ++k) {
      attempts.score.push_back(score[i]);
      attempts.outcome.push_back(k < 4 * share[i] ? 1 : 0);
    }
  }

  const auto by_share = auroc(score, share, 0.95);

  ASSERT_TRUE(by_share);
  EXPECT_DOUBLE_EQ(by_share->value, auroc(attempts.score, attempts.outcome, 0.95)->value);
}

TEST(Auroc, IsOneWithALowerBoundForAPerfectSeparation) {
  const std::vector<double> score = {1, 2, 3, 4, 5, 6}, outcome = {0, 0, 0, 1, 1, 1};

  const auto result = auroc(score, outcome, 0.95);

  ASSERT_TRUE(result);
  EXPECT_EQ(result->value, 1);
  EXPECT_NEAR(result->interval.low, std::pow(0.025, 1.0 / 3), 1e-9);
  EXPECT_EQ(result->interval.high, 1);
}

TEST(Auroc, OfAConstantScoreIsOneHalfForSure) {
  const std::vector<double> score = {3, 3, 3}, outcome = {0, 1, 0};

  const auto result = auroc(score, outcome, 0.95);

  ASSERT_TRUE(result);
  EXPECT_EQ(result->value, 0.5);
  EXPECT_EQ(result->interval.low, 0.5);
  EXPECT_EQ(result->interval.high, 0.5);
}

TEST(Auroc, IsAbsentWhereNothingOrEverythingFails) {
  const std::vector<double> score = {1, 2}, none = {0, 0}, all = {1, 1};

  EXPECT_FALSE(auroc(score, none, 0.95));
  EXPECT_FALSE(auroc(score, all, 0.95));
}

TEST(Auroc, RefusesScoresThatAreNoNumbers) {
  const std::vector<double> score = {1, std::nan("")}, outcome = {0, 1};

  EXPECT_THROW(auroc(score, outcome, 0.95), Error);
}

TEST(AurocInterval, CoversTheTrueAreaAtItsLevel) {
  CounterRng rng(5);
  const double shift = std::numbers::sqrt2 * 0.8416212;  // binormal with an area of 0.8
  int covered = 0;

  for (int repeat = 0; repeat < 2000; ++repeat) {
    Sample sample;
    for (int i = 0; i < 100; ++i) {
      sample.outcome.push_back(i < 40 ? 1 : 0);
      sample.score.push_back(normal_draw(rng) + shift * sample.outcome.back());
    }
    const Interval interval = auroc(sample.score, sample.outcome, 0.95)->interval;
    covered += interval.low <= 0.8 && 0.8 <= interval.high ? 1 : 0;
  }

  EXPECT_NEAR(covered / 2000.0, 0.95, 0.0195);  // four standard errors
}

/// Items with rates of failure of their own, seen by a noisy score, four attempts at each.
Sample clustered(CounterRng& rng, int items, std::vector<double>* rates = nullptr) {
  Sample sample;
  for (int i = 0; i < items; ++i) {
    const double ability = normal_draw(rng), rate = sigmoid(1.5 * ability);
    double failed = 0;
    for (int k = 0; k < 4; ++k) failed += rng.uniform() < rate ? 0.25 : 0;
    sample.score.push_back(ability + normal_draw(rng));
    sample.outcome.push_back(failed);
    if (rates) rates->push_back(rate);
  }
  return sample;
}

TEST(AurocInterval, CoversTheTrueAreaWhereItemsHaveSeveralAttempts) {
  CounterRng rng(6);
  const Sample population = clustered(rng, 200000);
  const double truth = auroc(population.score, population.outcome, 0.95)->value;
  int covered = 0;

  for (int repeat = 0; repeat < 2000; ++repeat) {
    const Sample sample = clustered(rng, 60);
    const Interval interval = auroc(sample.score, sample.outcome, 0.95)->interval;
    covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }

  EXPECT_NEAR(covered / 2000.0, 0.95, 0.0195);
}

TEST(Ceiling, IsTheAreaOfThePredictorThatKnowsTheRates) {
  CounterRng rng(7);
  std::vector<double> rates;
  const Sample sample = clustered(rng, 4000, &rates);

  const auto ceiling = ceiling_auroc(sample.outcome, 4);

  ASSERT_TRUE(ceiling);
  EXPECT_NEAR(*ceiling, auroc(rates, sample.outcome, 0.95)->value, 0.01);
}

TEST(RepeatAuroc, IsThatOfTheOtherAttemptsAndBelowTheCeiling) {
  const std::vector<double> outcome = {0, 0.5, 1};  // attempts ++, +-, --

  const auto repeat = repeat_auroc(outcome, 2);

  ASSERT_TRUE(repeat);
  // Failures score 0, 1, 1; successes 0, 0, 1: pairs won 2 * 2 + 0, ties 2 + 2.
  EXPECT_DOUBLE_EQ(*repeat, (4 + 4 * 0.5) / 9);
  CounterRng rng(8);
  const Sample sample = clustered(rng, 2000);
  EXPECT_LT(*repeat_auroc(sample.outcome, 4), *ceiling_auroc(sample.outcome, 4));
}

TEST(RepeatAuroc, NeedsRepeats) {
  const std::vector<double> outcome = {0, 1};

  EXPECT_THROW(repeat_auroc(outcome, 1), Error);
  EXPECT_THROW(ceiling_auroc(outcome, 1), Error);
}

TEST(Ceiling, OfItemsThatAlwaysDoTheSameIsOne) {
  const std::vector<double> outcome = {0, 1, 1, 0, 1};

  EXPECT_NEAR(*ceiling_auroc(outcome, 8), 1, 0.01);
  EXPECT_DOUBLE_EQ(*repeat_auroc(outcome, 8), 1);
}

TEST(BrierScore, IsTheMeanSquaredErrorOverAttempts) {
  const std::vector<double> p = {0.8, 0.3}, outcome = {1, 0.5};

  EXPECT_DOUBLE_EQ(brier_score(p, outcome), (0.04 + (0.49 + 0.09) / 2) / 2);
}

TEST(CalibrationError, IsTheMeanDistanceOfBinsFromTheirRates) {
  const std::vector<double> p = {0.1, 0.1, 0.6, 0.8}, outcome = {0, 1, 1, 1};

  const auto bins = reliability_bins(p, outcome, 2);

  ASSERT_EQ(bins.size(), 2u);
  EXPECT_EQ(bins[0].n, 2);
  EXPECT_DOUBLE_EQ(bins[0].rate, 0.5);
  EXPECT_DOUBLE_EQ(bins[1].mean_p, 0.7);
  EXPECT_DOUBLE_EQ(calibration_error(p, outcome, 2), (2 * 0.4 + 2 * 0.3) / 4);
}

TEST(CalibrationError, KeepsEqualProbabilitiesInOneBin) {
  const std::vector<double> p = {0.3, 0.3, 0.3, 0.3}, outcome = {0, 0, 0, 1};

  EXPECT_EQ(reliability_bins(p, outcome, 4).size(), 1u);
  EXPECT_NEAR(calibration_error(p, outcome, 4), 0.05, 1e-12);
}

/// Predictions of which the log-odds are `stretch` times too far from 0.
Sample overconfident(CounterRng& rng, int n, double stretch) {
  Sample sample;
  for (int i = 0; i < n; ++i) {
    const double logit = 1.2 * normal_draw(rng);
    sample.score.push_back(sigmoid(stretch * logit));
    sample.outcome.push_back(rng.uniform() < sigmoid(logit) ? 1 : 0);
  }
  return sample;
}

double error_coverage(double stretch, double truth) {
  CounterRng rng(9);
  int covered = 0;
  for (std::uint64_t repeat = 0; repeat < 400; ++repeat) {
    const Sample sample = overconfident(rng, 300, stretch);
    const Interval interval = calibration_error_interval(sample.score, sample.outcome, 10, 0.95, repeat, 200);
    covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }
  return covered / 400.0;
}

TEST(CalibrationErrorInterval, CoversTheErrorAtLeastAtItsLevel) {
  CounterRng rng(11);
  const Sample population = overconfident(rng, 200000, 2.5);
  const double truth = calibration_error(population.score, population.outcome, 10);

  EXPECT_GT(error_coverage(2.5, truth), 0.95 - 0.0436);  // four standard errors
  EXPECT_GT(error_coverage(1, 0), 0.95 - 0.0436);
}

TEST(Calibration, FindsTheSlopeAndInterceptThatWereApplied) {
  CounterRng rng(10);
  std::vector<double> logit, outcome;
  for (int i = 0; i < 20000; ++i) {
    logit.push_back(2 * normal_draw(rng));
    outcome.push_back(rng.uniform() < sigmoid(0.5 * logit.back() - 1) ? 1 : 0);
  }

  const Calibration fit = fit_calibration(logit, outcome);

  EXPECT_NEAR(fit.slope, 0.5, 0.05);
  EXPECT_NEAR(fit.intercept, -1, 0.08);
}

TEST(Calibration, StaysFiniteForAPerfectSeparationAndForAConstant) {
  const std::vector<double> logit = {-1, -0.5, 0.5, 1}, outcome = {0, 0, 1, 1}, same = {0.3, 0.3, 0.3, 0.3};

  EXPECT_TRUE(std::isfinite(fit_calibration(logit, outcome).slope));
  EXPECT_NEAR(fit_calibration(same, outcome).probability(0.3), 0.5, 0.02);
}

TEST(YoudenThreshold, IsWhereSensitivityPlusSpecificityIsBest) {
  const std::vector<double> p = {0.1, 0.2, 0.3, 0.4, 0.9}, outcome = {0, 0, 1, 0, 1};

  const double threshold = youden_threshold(p, outcome);

  EXPECT_DOUBLE_EQ(threshold, 0.3);
  const RatesAt rates = rates_at(threshold, p, outcome);
  EXPECT_DOUBLE_EQ(*rates.sensitivity, 1);
  EXPECT_DOUBLE_EQ(*rates.specificity, 2.0 / 3);
}

TEST(RatesAt, AreAbsentWithoutFailures) {
  const std::vector<double> p = {0.1, 0.9}, outcome = {0, 0};

  const RatesAt rates = rates_at(0.5, p, outcome);

  EXPECT_FALSE(rates.sensitivity);
  EXPECT_DOUBLE_EQ(*rates.specificity, 0.5);
}

}  // namespace
}  // namespace neurosweep
