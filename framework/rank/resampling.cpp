#include "framework/rank/resampling.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <boost/math/distributions/normal.hpp>

#include "framework/base/error.hpp"
#include "framework/rank/counter_rng.hpp"

namespace neurosweep {
namespace {

double upper_normal(double z) {
  return cdf(complement(boost::math::normal(), z));
}

/// P[W <= w] and P[W >= w] over all sign flips; ranks come doubled, so that mid-ranks are whole numbers.
std::pair<double, double> signed_rank_tails(const std::vector<int>& doubled_ranks, int doubled_w) {
  int total = 0;
  for (const int rank : doubled_ranks) total += rank;
  std::vector<double> ways(total + 1, 0.0);
  ways[0] = 1;
  for (const int rank : doubled_ranks) {
    for (int sum = total; sum >= rank; --sum) ways[sum] += ways[sum - rank];
  }
  const double all = std::exp2(static_cast<double>(doubled_ranks.size()));
  double lower = 0, upper = 0;
  for (int sum = 0; sum <= total; ++sum) {
    if (sum <= doubled_w) lower += ways[sum];
    if (sum >= doubled_w) upper += ways[sum];
  }
  return {lower / all, upper / all};
}

std::pair<double, double> normal_signed_rank_tails(const std::vector<double>& ranks, double w) {
  double mean = 0, variance = 0;
  for (const double rank : ranks) {
    mean += rank / 2;
    variance += rank * rank / 4;  // conditional on the mid-ranks, so ties are accounted for
  }
  const double sd = std::sqrt(variance);
  return {upper_normal((mean - w - 0.5) / sd), upper_normal((w - 0.5 - mean) / sd)};
}

std::vector<double> resampled_means(std::span<const double> x, const BootstrapSpec& spec) {
  CounterRng rng(spec.seed);
  std::vector<double> means(spec.draws);
  for (double& mean : means) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[rng.below(x.size())];
    mean = sum / static_cast<double>(x.size());
  }
  std::sort(means.begin(), means.end());
  return means;
}

/// Acceleration of the mean: skewness / 6 of the jackknife, which for the mean is the sample's own skewness.
double acceleration(std::span<const double> x, double mean) {
  double squares = 0, cubes = 0;
  for (const double value : x) {
    squares += (value - mean) * (value - mean);
    cubes += (value - mean) * (value - mean) * (value - mean);
  }
  return cubes / (6 * std::pow(squares, 1.5));
}

/// Moves a percentile by the bias correction z0 and the acceleration a.
double bca_percentile(double percentile, double z0, double a) {
  const boost::math::normal normal;
  const double z = z0 + quantile(normal, percentile);
  return cdf(normal, z0 + z / (1 - a * z));
}

/// z of the share of resampled means below the sample's mean, half of the equal ones counted.
double bias_correction(const std::vector<double>& means, double mean) {
  const auto equal = std::equal_range(means.begin(), means.end(), mean);
  const double below = static_cast<double>(equal.first - means.begin()) + (equal.second - equal.first) / 2.0;
  const double n = static_cast<double>(means.size());
  return quantile(boost::math::normal(), std::clamp(below, 0.5, n - 0.5) / n);
}

}  // namespace

SignedRankTest wilcoxon_signed_rank(std::span<const double> x, Tail tail) {
  std::vector<double> nonzero, sizes;
  for (const double value : x) {
    if (value == 0) continue;
    nonzero.push_back(value);
    sizes.push_back(std::abs(value));
  }
  if (nonzero.empty()) return {};
  const std::vector<double> ranks = mid_ranks(sizes);
  double w = 0;
  for (std::size_t i = 0; i < nonzero.size(); ++i) w += nonzero[i] > 0 ? ranks[i] : 0;
  std::pair<double, double> tails;
  if (nonzero.size() <= 50) {
    std::vector<int> doubled;
    for (const double rank : ranks) doubled.push_back(static_cast<int>(std::lround(2 * rank)));
    tails = signed_rank_tails(doubled, static_cast<int>(std::lround(2 * w)));
  } else {
    tails = normal_signed_rank_tails(ranks, w);
  }
  const auto [lower, upper] = tails;
  if (tail == Tail::less) return {w, lower};
  if (tail == Tail::greater) return {w, upper};
  return {w, std::min(1.0, 2 * std::min(lower, upper))};
}

Interval bootstrap_interval(std::span<const double> x, const BootstrapSpec& spec) {
  if (x.size() < 2) throw input_error("a bootstrap interval needs at least 2 values, found {}", x.size());
  if (!(spec.level > 0 && spec.level < 1) || spec.draws < 1) {
    throw input_error("bootstrap: level {} and {} draws: need 0 < level < 1 and at least 1 draw", spec.level,
                      spec.draws);
  }
  const auto [least, greatest] = std::minmax_element(x.begin(), x.end());
  if (*least == *greatest) return {*least, *least};
  const std::vector<double> means = resampled_means(x, spec);
  double low = (1 - spec.level) / 2;
  double high = 1 - low;
  if (spec.kind == BootstrapKind::bca) {
    const double mean = moments_of(x).mean;
    const double z0 = bias_correction(means, mean);
    const double a = acceleration(x, mean);
    low = bca_percentile(low, z0, a);
    high = bca_percentile(high, z0, a);
  }
  return {quantile(means, low), quantile(means, high)};
}

}  // namespace neurosweep
