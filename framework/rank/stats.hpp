#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace neurosweep {

/// A closed interval around an estimate.
struct Interval {
  double low = 0;
  double high = 0;
};

/// Which departures from the null hypothesis count as evidence.
enum class Tail { two_sided, less, greater };

/// Count, mean and spread of a stream of numbers, folded in one pass; the result depends on the order of add().
///   source   Welford 1962, "Note on a method for calculating corrected sums of squares and products"
struct Moments {
  std::int64_t n = 0;
  double mean = 0;
  double m2 = 0;  ///< sum of squared deviations from the mean

  void add(double x);
  double variance() const;  ///< with n - 1; 0 when n < 2
  double sd() const;
  double standard_error() const;  ///< sd / sqrt(n); 0 when n < 2
};

Moments moments_of(std::span<const double> x);

/// Student's t test of "the mean is 0"; on differences it is the paired t test.
///   returns  t, n - 1 degrees of freedom, p. When all values are one number c, t has no scale and is reported as 0:
///            p is then 1 for c = 0, else the exact sign-flip p (2^-n, or 2^(1-n) two-sided)
///   throws   Error{input} when n < 2 or a value was not finite
///   source   Student 1908, "The probable error of a mean"
struct TTest {
  double t = 0;
  double degrees = 0;
  double p = 1;
};
TTest t_test(const Moments& x, Tail tail);

/// Confidence interval of the mean by Student's t: mean -/+ t(level, n - 1) * sd / sqrt(n).
///   throws   Error{input} when n < 2, or level is not inside (0, 1)
Interval t_interval(const Moments& x, double level);

/// Benjamini-Hochberg adjusted p values, in the order of `p`; rejecting q <= f keeps the false discovery rate at f.
///   p        [n], each in [0, 1]
///   returns  [n], q_(i) = min over j >= i of p_(j) * n / j, at most 1
///   throws   Error{input} for a p outside [0, 1] or NaN
///   source   Benjamini, Hochberg 1995
std::vector<double> benjamini_hochberg(std::span<const double> p);

/// Pearson's correlation; 0 when one side is constant.
///   throws   Error{input} when the lengths differ or are < 2
double pearson(std::span<const double> x, std::span<const double> y);

/// Spearman's correlation: Pearson's over mid-ranks.
double spearman(std::span<const double> x, std::span<const double> y);

/// Ranks from 1; equal values share the mean of their ranks.
std::vector<double> mid_ranks(std::span<const double> x);

/// Where a quantile lies among n ascending values: between two of them.
struct QuantilePlace {
  std::size_t below = 0, above = 0;  ///< at most one apart
  double share = 0;                  ///< of the way from one to the other

  double between(double lower, double upper) const { return lower + share * (upper - lower); }
};
QuantilePlace quantile_place(std::size_t n, double q);

/// Linear-interpolation quantile, q in [0, 1] (type 7 of Hyndman, Fan 1996).
///   throws   Error{input} when x is empty
double quantile(std::vector<double> x, double q);

}  // namespace neurosweep
