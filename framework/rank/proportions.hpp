#pragma once

#include <cstdint>
#include <span>

#include "framework/rank/stats.hpp"

namespace neurosweep {

/// Exact McNemar test of two conditions on the same items, two-sided.
///   only_first   items right under the first condition alone
///   only_second  items right under the second condition alone
///   returns  min(1, 2 P[Binomial(first + second, 1/2) <= min(first, second)])
///   source   McNemar 1947, with the binomial in place of chi-squared
double mcnemar_exact_p(std::int64_t only_first, std::int64_t only_second);

/// Exact binomial test of k successes in n against rate p; two-sided sums every outcome no likelier than k.
///   throws   Error{input} unless 0 <= k <= n and 0 <= p <= 1
double binomial_p(std::int64_t k, std::int64_t n, double p, Tail tail);

/// Exact test of k successes in independent trials of known rates; two-sided doubles the smaller tail.
///   rates    [n] probability of success of each trial
///   returns  min(1, 2 min(P[S <= k], P[S >= k])) for the Poisson-binomial S
///   throws   Error{input} unless 0 <= k <= n and every rate is inside [0, 1]
///   source   Hong 2013, "On computing the distribution function for the Poisson binomial distribution", sec. 2.5
double poisson_binomial_p(std::int64_t k, std::span<const double> rates);

/// Wilson's score interval of a proportion; the report's interval for accuracies.
///   throws   Error{input} unless 0 <= k <= n, n >= 1, 0 < level < 1
///   source   Wilson 1927
Interval wilson_interval(std::int64_t k, std::int64_t n, double level);

/// Clopper-Pearson's interval of a proportion: never covers less than `level`.
///   source   Clopper, Pearson 1934
Interval clopper_pearson_interval(std::int64_t k, std::int64_t n, double level);

/// Least change in accuracy that an exact McNemar test on n paired items can call significant.
///   returns  a share of n, in the best case that every changed item changes the same way; above 1: n is too small
///            for any change
double least_significant_change(std::int64_t n, double alpha);

/// True one-way change in accuracy that such a test finds with the given power; 1 when none does.
double detectable_change(std::int64_t n, double alpha, double power);

}  // namespace neurosweep
