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
#include "framework/rank/set_effects.hpp"
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

/// Share of `repeats` samples whose BCa interval holds the mean of the distribution.
double bca_coverage(std::uint64_t seed, int repeats, std::size_t n, double mean,
                    const std::function<double(CounterRng&)>& draw) {
  CounterRng rng(seed);
  int covered = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    std::vector<double> x(n);
    for (double& value : x) value = draw(rng);
    const Interval interval = bootstrap_interval(x, {.draws = 1000, .seed = static_cast<std::uint64_t>(repeat)});
    covered += interval.low <= mean && mean <= interval.high ? 1 : 0;
  }
  return static_cast<double>(covered) / repeats;
}

TEST(Coverage, OfTheBcaIntervalIsItsLevelForNormalData) {
  EXPECT_NEAR(bca_coverage(11, 2000, 50, 0, normal_draw), 0.95, 0.0195);  // four standard errors
}

TEST(Coverage, OfTheBcaIntervalIsItsLevelForDifferencesOfOutcomes) {
  const auto outcome_change = [](CounterRng& rng) {
    const double u = rng.uniform();
    return u < 0.1 ? 1.0 : u < 0.3 ? -1.0 : 0.0;
  };

  EXPECT_NEAR(bca_coverage(12, 2000, 100, -0.1, outcome_change), 0.95, 0.0195);
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

TEST(Coverage, OfWilsonIsNeverFarBelowItsLevel) {
  const auto interval_of = [](int k, int n) { return wilson_interval(k, n, 0.95); };

  for (const int n : {23, 60, 300}) {
    for (double p = 0.02; p < 0.99; p += 0.01) {
      EXPECT_GE(proportion_coverage(interval_of, n, p), 0.90) << n << " items at rate " << p;
    }
  }
}

TEST(Coverage, OfTheTIntervalFallsShortForFewSkewedValues) {
  CounterRng rng(13);
  int covered = 0;

  for (int repeat = 0; repeat < 4000; ++repeat) {
    Moments x;
    for (int i = 0; i < 12; ++i) x.add(exponential_draw(rng));
    const Interval interval = t_interval(x, 0.95);
    covered += interval.low <= 1 && 1 <= interval.high ? 1 : 0;
  }

  EXPECT_GT(covered / 4000.0, 0.87) << "the loss that a reader of skewed effects must reckon with";
  EXPECT_LT(covered / 4000.0, 0.95);
}

/// Probability that exact McNemar rejects at `alpha` when n items change with `rate`, as often one way as the other.
double mcnemar_size(int n, double rate, double alpha) {
  double size = 0;
  for (int changed = 0; changed <= n; ++changed) {
    for (int first = 0; first <= changed; ++first) {
      if (mcnemar_exact_p(first, changed - first) > alpha) continue;
      size += binomial_probability(changed, n, rate) * binomial_probability(first, changed, 0.5);
    }
  }
  return size;
}

TEST(Size, OfExactMcNemarIsNeverAboveAlpha) {
  for (const int n : {23, 60, 120}) {
    for (const double rate : {0.05, 0.2, 0.5}) {
      for (const double alpha : {0.01, 0.05}) {
        EXPECT_LE(mcnemar_size(n, rate, alpha), alpha) << n << " items, " << rate << " of them change";
      }
    }
  }
  EXPECT_GT(mcnemar_size(120, 0.5, 0.05), 0.02) << "not needlessly strict";
}

/// Share of null samples that a test rejects at 0.05.
double rejected_share(std::uint64_t seed, int repeats, std::size_t n, const std::function<double(CounterRng&)>& draw,
                      const std::function<double(std::span<const double>)>& p_of) {
  CounterRng rng(seed);
  int rejected = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    std::vector<double> x(n);
    for (double& value : x) value = draw(rng);
    rejected += p_of(x) <= 0.05 ? 1 : 0;
  }
  return static_cast<double>(rejected) / repeats;
}

/// Share of null studies in which a critical set's contrast has p <= 0.05 in the direction of `sign`: in each, all sets
/// are right on an item with the same rate.
double contrast_rejected_share(std::uint64_t seed, int n_items, int n_random, double rate, int sign) {
  CounterRng rng(seed);
  const int repeats = 2000;
  int rejected = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    std::vector<ContrastItem> items;
    for (int i = 0; i < n_items; ++i) {
      items.push_back({rng.uniform() < rate, 0, n_random});
      for (int set = 0; set < n_random; ++set) items.back().random_correct += rng.uniform() < rate ? 1 : 0;
    }
    const SetContrast contrast = set_contrast_of(items, 1);
    rejected += contrast.p <= 0.05 && contrast.difference * sign > 0 ? 1 : 0;
  }
  return static_cast<double>(rejected) / repeats;
}

TEST(Size, OfTheContrastWithRandomSetsIsAtMostAlphaEachWay) {
  const double four_errors = 4 * std::sqrt(0.025 * 0.975 / 2000);
  for (const double rate : {0.6, 0.95, 0.993}) {  // rare losses are where a mean over sets is not symmetric
    for (const int sign : {-1, 1}) {
      EXPECT_LE(contrast_rejected_share(14, 100, 5, rate, sign), 0.025 + four_errors) << rate << ", side " << sign;
    }
  }
  EXPECT_GT(contrast_rejected_share(15, 100, 3, 0.6, 1), 0.01) << "not needlessly strict";
}

TEST(Size, OfTheSignedRankTestIsAtMostAlphaWithTiesAndZeros) {
  const auto p_of = [](std::span<const double> x) { return wilcoxon_signed_rank(x, Tail::two_sided).p; };
  const auto rounded = [](CounterRng& rng) { return std::round(2 * normal_draw(rng)); };

  EXPECT_LE(rejected_share(16, 4000, 30, rounded, p_of), 0.05 + 0.0138);
  EXPECT_LE(rejected_share(17, 4000, 80, rounded, p_of), 0.05 + 0.0138);  // beyond the exact range
}

TEST(FalseDiscovery, IsHeldWhenTheTestsDependOnEachOther) {
  CounterRng rng(18);
  double false_share = 0;

  for (int study = 0; study < 1000; ++study) {
    std::vector<double> shared(12), p(40);
    for (double& value : shared) value = normal_draw(rng);
    for (std::size_t neuron = 0; neuron < p.size(); ++neuron) {
      Moments x;
      for (const double common : shared) x.add(0.7 * common + normal_draw(rng) - (neuron < 10 ? 2 : 0));
      p[neuron] = t_test(x, Tail::two_sided).p;
    }
    const std::vector<double> q = benjamini_hochberg(p);
    int rejected = 0, wrong = 0;
    for (std::size_t neuron = 0; neuron < q.size(); ++neuron) {
      rejected += q[neuron] <= 0.05 ? 1 : 0;
      wrong += q[neuron] <= 0.05 && neuron >= 10 ? 1 : 0;
    }
    false_share += rejected == 0 ? 0 : static_cast<double>(wrong) / rejected;
  }

  EXPECT_LE(false_share / 1000, 0.05);
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
