#include "framework/rank/stats.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <boost/math/distributions/students_t.hpp>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

void require_two(std::int64_t n, const char* what) {
  if (n < 2) throw input_error("{} needs at least 2 values, found {}: measure more prompts", what, n);
}

double degenerate_p(const Moments& x, Tail tail) {
  if (x.mean == 0) return 1;
  const double one_tail = std::exp2(-static_cast<double>(x.n));
  if (tail == Tail::two_sided) return 2 * one_tail;
  const bool supported = (tail == Tail::less) == (x.mean < 0);
  return supported ? one_tail : 1;
}

std::vector<std::size_t> ascending_order(std::span<const double> x) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  return order;
}

}  // namespace

void Moments::add(double x) {
  ++n;
  const double before = x - mean;
  mean += before / static_cast<double>(n);
  m2 += before * (x - mean);
}

double Moments::variance() const {
  return n < 2 ? 0 : m2 / static_cast<double>(n - 1);
}

double Moments::sd() const {
  return std::sqrt(variance());
}

double Moments::standard_error() const {
  return n < 2 ? 0 : sd() / std::sqrt(static_cast<double>(n));
}

Moments moments_of(std::span<const double> x) {
  Moments moments;
  for (const double value : x) moments.add(value);
  return moments;
}

TTest t_test(const Moments& x, Tail tail) {
  require_two(x.n, "a t test");
  if (!std::isfinite(x.mean) || !std::isfinite(x.m2)) throw input_error("a t test of values that are not finite");
  const double degrees = static_cast<double>(x.n - 1);
  if (x.m2 == 0) return {0, degrees, degenerate_p(x, tail)};
  const double t = x.mean / x.standard_error();
  const boost::math::students_t distribution(degrees);
  if (tail == Tail::less) return {t, degrees, cdf(distribution, t)};
  if (tail == Tail::greater) return {t, degrees, cdf(complement(distribution, t))};
  return {t, degrees, 2 * cdf(complement(distribution, std::abs(t)))};
}

Interval t_interval(const Moments& x, double level) {
  require_two(x.n, "a t interval");
  if (!(level > 0 && level < 1)) throw input_error("confidence level {} is not inside (0, 1): use 0.95", level);
  const boost::math::students_t distribution(static_cast<double>(x.n - 1));
  const double half = quantile(complement(distribution, (1 - level) / 2)) * x.standard_error();
  return {x.mean - half, x.mean + half};
}

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  for (const double value : p) {
    if (!(value >= 0 && value <= 1)) throw input_error("p value {} is outside [0, 1]", value);
  }
  const std::vector<std::size_t> order = ascending_order(p);
  const double n = static_cast<double>(p.size());
  std::vector<double> q(p.size());
  double smallest = 1;
  for (std::size_t rank = p.size(); rank-- > 0;) {
    smallest = std::min(smallest, p[order[rank]] * n / static_cast<double>(rank + 1));
    q[order[rank]] = smallest;
  }
  return q;
}

double pearson(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) throw input_error("correlation of {} values with {} values", x.size(), y.size());
  require_two(static_cast<std::int64_t>(x.size()), "a correlation");
  const double mean_x = moments_of(x).mean;
  const double mean_y = moments_of(y).mean;
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (xx == 0 || yy == 0) return 0;
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

std::vector<double> mid_ranks(std::span<const double> x) {
  const std::vector<std::size_t> order = ascending_order(x);
  std::vector<double> ranks(x.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && x[order[last + 1]] == x[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i) ranks[order[i]] = 1 + static_cast<double>(first + last) / 2;
    first = last + 1;
  }
  return ranks;
}

double spearman(std::span<const double> x, std::span<const double> y) {
  return pearson(mid_ranks(x), mid_ranks(y));
}

QuantilePlace quantile_place(std::size_t n, double q) {
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(n - 1);
  const auto below = static_cast<std::size_t>(position);
  return {below, std::min(below + 1, n - 1), position - static_cast<double>(below)};
}

double quantile(std::vector<double> x, double q) {
  if (x.empty()) throw input_error("a quantile needs at least 1 value, found 0");
  std::sort(x.begin(), x.end());
  const QuantilePlace place = quantile_place(x.size(), q);
  return place.between(x[place.below], x[place.above]);
}

}  // namespace neurosweep
