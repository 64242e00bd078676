#include "framework/rank/proportions.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

using boost::math::binomial;

void require_count(std::int64_t k, std::int64_t n, std::int64_t least_n) {
  if (k < 0 || k > n || n < least_n) throw input_error("{} successes in {} trials is no proportion", k, n);
}

void require_level(double level) {
  if (!(level > 0 && level < 1)) throw input_error("confidence level {} is not inside (0, 1): use 0.95", level);
}

/// Fewest items, all changed the same way, that make the test significant: 2 * 2^-d <= alpha.
std::int64_t least_discordant(double alpha) {
  std::int64_t d = 1;
  while (mcnemar_exact_p(d, 0) > alpha) ++d;
  return d;
}

double two_sided_binomial(const binomial& distribution, std::int64_t k, std::int64_t n) {
  const double limit = pdf(distribution, static_cast<double>(k)) * (1 + 1e-7);
  double p = 0;
  for (std::int64_t i = 0; i <= n; ++i) {
    const double likelihood = pdf(distribution, static_cast<double>(i));
    if (likelihood <= limit) p += likelihood;
  }
  return std::min(1.0, p);
}

}  // namespace

double mcnemar_exact_p(std::int64_t only_first, std::int64_t only_second) {
  if (only_first < 0 || only_second < 0) {
    throw input_error("McNemar test of {} against {} items: counts are not negative", only_first, only_second);
  }
  const std::int64_t n = only_first + only_second;
  if (n == 0) return 1;
  const binomial distribution(static_cast<double>(n), 0.5);
  return std::min(1.0, 2 * cdf(distribution, static_cast<double>(std::min(only_first, only_second))));
}

double binomial_p(std::int64_t k, std::int64_t n, double p, Tail tail) {
  require_count(k, n, 0);
  if (!(p >= 0 && p <= 1)) throw input_error("success rate {} is outside [0, 1]", p);
  if (n == 0) return 1;
  const binomial distribution(static_cast<double>(n), p);
  if (tail == Tail::less) return cdf(distribution, static_cast<double>(k));
  if (tail == Tail::greater) return k == 0 ? 1 : cdf(complement(distribution, static_cast<double>(k - 1)));
  return two_sided_binomial(distribution, k, n);
}

double poisson_binomial_p(std::int64_t k, std::span<const double> rates) {
  require_count(k, static_cast<std::int64_t>(rates.size()), 0);
  std::vector<double> likelihood = {1};  // of each number of successes so far
  for (const double rate : rates) {
    if (!(rate >= 0 && rate <= 1)) throw input_error("success rate {} is outside [0, 1]", rate);
    likelihood.push_back(0);
    for (std::size_t s = likelihood.size() - 1; s > 0; --s) {
      likelihood[s] = likelihood[s] * (1 - rate) + likelihood[s - 1] * rate;
    }
    likelihood[0] *= 1 - rate;
  }
  const auto at_k = likelihood.begin() + k;
  const double at_most = std::accumulate(likelihood.begin(), at_k + 1, 0.0);
  const double at_least = std::accumulate(at_k, likelihood.end(), 0.0);
  return std::min(1.0, 2 * std::min(at_most, at_least));
}

Interval wilson_interval(std::int64_t k, std::int64_t n, double level) {
  require_count(k, n, 1);
  require_level(level);
  const double z = quantile(complement(boost::math::normal(), (1 - level) / 2));
  const double size = static_cast<double>(n);
  const double share = static_cast<double>(k) / size;
  const double scale = 1 + z * z / size;
  const double centre = (share + z * z / (2 * size)) / scale;
  const double half = z * std::sqrt(share * (1 - share) / size + z * z / (4 * size * size)) / scale;
  return {k == 0 ? 0 : std::max(0.0, centre - half), k == n ? 1 : std::min(1.0, centre + half)};
}

Interval clopper_pearson_interval(std::int64_t k, std::int64_t n, double level) {
  require_count(k, n, 1);
  require_level(level);
  const double tail = (1 - level) / 2;
  const double successes = static_cast<double>(k);
  const double failures = static_cast<double>(n - k);
  Interval interval{0, 1};
  if (k > 0) interval.low = quantile(boost::math::beta_distribution<>(successes, failures + 1), tail);
  if (k < n) interval.high = quantile(complement(boost::math::beta_distribution<>(successes + 1, failures), tail));
  return interval;
}

double least_significant_change(std::int64_t n, double alpha) {
  if (n < 1) throw input_error("least significant change needs at least 1 item, found {}", n);
  return static_cast<double>(least_discordant(alpha)) / static_cast<double>(n);
}

double detectable_change(std::int64_t n, double alpha, double power) {
  const std::int64_t needed = least_discordant(alpha);
  if (n < needed) return 1;
  double low = 0, high = 1;
  for (int step = 0; step < 60; ++step) {
    const double rate = (low + high) / 2;
    const bool enough = binomial_p(needed, n, rate, Tail::greater) >= power;
    (enough ? high : low) = rate;
  }
  return high;
}

}  // namespace neurosweep
