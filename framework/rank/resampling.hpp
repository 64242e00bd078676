#pragma once

#include <cstdint>
#include <span>

#include "framework/rank/stats.hpp"

namespace neurosweep {

/// Wilcoxon's signed-rank test of "the differences are symmetric around 0"; zeros are dropped, ties share mid-ranks.
///   returns  statistic = sum of the ranks of the positive differences; p exact (conditional on ties) for up to 50
///            non-zero differences, else normal with tie and continuity corrections; p = 1 when all are 0
///   source   Wilcoxon 1945; Hollander, Wolfe 1973, sec. 3.1
struct SignedRankTest {
  double statistic = 0;
  double p = 1;
};
SignedRankTest wilcoxon_signed_rank(std::span<const double> x, Tail tail);

/// How a bootstrap interval is read off the resampled means.
enum class BootstrapKind { percentile, bca };

struct BootstrapSpec {
  BootstrapKind kind = BootstrapKind::bca;
  int draws = 2000;
  double level = 0.95;
  std::uint64_t seed = 0;
};

/// Bootstrap confidence interval of the mean; the same seed gives the same interval.
///   returns  [mean, mean] when all values are equal
///   throws   Error{input} when n < 2
///   source   Efron 1987, "Better bootstrap confidence intervals"
Interval bootstrap_interval(std::span<const double> x, const BootstrapSpec& spec);

}  // namespace neurosweep
