// Long-run properties: how often intervals cover, and how often true nulls are rejected.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "framework/rank/counter_rng.hpp"
#include "framework/rank/proportions.hpp"
#include "framework/rank/resampling.hpp"
#include "framework/rank/stats.hpp"

namespace neurosweep {
namespace {

double normal_draw(CounterRng& rng) {
  return std::sqrt(-2 * std::log(1 - rng.uniform())) * std::cos(2 * std::numbers::pi * rng.uniform());
}

double exponential_draw(CounterRng& rng) {
  return -std::log(1 - rng.uniform());
}

double binomial_probability(int k, int n, double p) {
  return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                  (n - k) * std::log(1 - p));
}

double proportion_coverage(const std::function<Interval(int, int)>& interval_of, int n, double p) {
  double coverage = 0;
  for (int k = 0; k <= n; ++k) {
    const Interval interval = interval_of(k, n);
    if (interval.low <= p && p <= interval.high) coverage += binomial_probability(k, n, p);
  }
  return coverage;
}

TEST(Coverage, OfTheTIntervalIsItsLevelForNormalData) {
  CounterRng rng(1);
  int covered = 0;

  for (int repeat = 0; repeat < 4000; ++repeat) {
    Moments x;
    for (int i = 0; i < 8; ++i) x.add(2 + 3 * normal_draw(rng));
    const Interval interval = t_interval(x, 0.95);
    covered += interval.low <= 2 && 2 <= interval.high ? 1 : 0;
  }

  EXPECT_NEAR(covered / 4000.0, 0.95, 0.0138);  // four standard errors
}

TEST(Coverage, OfTheBcaIntervalIsNearItsLevelForSkewedData) {
  CounterRng rng(2);
  int covered = 0;

  for (std::uint64_t repeat = 0; repeat < 1000; ++repeat) {
    std::vector<double> x(40);
    for (double& value : x) value = exponential_draw(rng);
    const Interval interval = bootstrap_interval(x, {.draws = 500, .seed = repeat});
    covered += interval.low <= 1 && 1 <= interval.high ? 1 : 0;
  }

  EXPECT_GT(covered / 1000.0, 0.90);
  EXPECT_LT(covered / 1000.0, 0.98);
}

TEST(Coverage, OfClopperPearsonIsNeverBelowItsLevel) {
  const auto interval_of = [](int k, int n) { return clopper_pearson_interval(k, n, 0.95); };

  for (double p = 0.01; p < 1; p += 0.01) EXPECT_GE(proportion_coverage(interval_of, 23, p), 0.95) << "at rate " << p;
}

TEST(Coverage, OfWilsonIsItsLevelOnAverage) {
  const auto interval_of = [](int k, int n) { return wilson_interval(k, n, 0.95); };
  double total = 0;

  for (int i = 0; i < 980; ++i) total += proportion_coverage(interval_of, 23, 0.0105 + 0.001 * i);

  EXPECT_NEAR(total / 980, 0.95, 0.01);
}

TEST(FalseDiscovery, UnderAPureNullIsHeldAtItsLevel) {
  CounterRng rng(3);
  int studies_with_discovery = 0;

  for (int study = 0; study < 2000; ++study) {
    std::vector<double> p(40);
    for (double& value : p) {
      Moments x;
      for (int i = 0; i < 6; ++i) x.add(normal_draw(rng));
      value = t_test(x, Tail::two_sided).p;
    }
    const std::vector<double> q = benjamini_hochberg(p);
    studies_with_discovery += std::ranges::min(q) <= 0.05 ? 1 : 0;
  }

  EXPECT_NEAR(studies_with_discovery / 2000.0, 0.05, 0.0195);  // four standard errors
}

TEST(FalseDiscovery, BesideTrueEffectsStaysBelowItsLevelAndFindsThem) {
  CounterRng rng(4);
  double false_share = 0, found = 0;

  for (int study = 0; study < 1000; ++study) {
    std::vector<double> p(40);
    for (std::size_t neuron = 0; neuron < p.size(); ++neuron) {
      Moments x;
      for (int i = 0; i < 12; ++i) x.add(normal_draw(rng) - (neuron < 10 ? 2 : 0));
      p[neuron] = t_test(x, Tail::two_sided).p;
    }
    const std::vector<double> q = benjamini_hochberg(p);
    int rejected = 0, wrong = 0;
    for (std::size_t neuron = 0; neuron < q.size(); ++neuron) {
      rejected += q[neuron] <= 0.05 ? 1 : 0;
      wrong += q[neuron] <= 0.05 && neuron >= 10 ? 1 : 0;
    }
    false_share += rejected == 0 ? 0 : static_cast<double>(wrong) / rejected;
    found += (rejected - wrong) / 10.0;
  }

  EXPECT_NEAR(false_share / 1000, 0.05 * 30 / 40, 0.01);
  EXPECT_GT(found / 1000, 0.95);
}

TEST(FalseDiscovery, OfSignedRankTestsIsHeldForHeavyTailedEffectsAndFindsThem) {
  CounterRng rng(5);
  double false_share = 0, found = 0;

  for (int study = 0; study < 400; ++study) {
    std::vector<double> p(40);
    for (std::size_t neuron = 0; neuron < p.size(); ++neuron) {
      std::vector<double> x;
      for (int i = 0; i < 24; ++i) {
        const double tail = std::exp(2 * normal_draw(rng));
        x.push_back(neuron < 10 ? -tail : normal_draw(rng) < 0 ? -tail : tail);
      }
      p[neuron] = wilcoxon_signed_rank(x, Tail::two_sided).p;
    }
    const std::vector<double> q = benjamini_hochberg(p);
    int rejected = 0, wrong = 0;
    for (std::size_t neuron = 0; neuron < q.size(); ++neuron) {
      rejected += q[neuron] <= 0.05 ? 1 : 0;
      wrong += q[neuron] <= 0.05 && neuron >= 10 ? 1 : 0;
    }
    false_share += rejected == 0 ? 0 : static_cast<double>(wrong) / rejected;
    found += (rejected - wrong) / 10.0;
  }

  EXPECT_LT(false_share / 400, 0.05);
  EXPECT_GT(found / 400, 0.99);
}

}  // namespace
}  // namespace neurosweep
