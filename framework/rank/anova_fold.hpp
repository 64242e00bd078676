#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace neurosweep {

/// F statistic of every feature against an outcome, items folded one at a time. For outcomes 0 and 1 it is that of the
/// one-way analysis of variance; for shares between them that of the regression on the share.
class AnovaFold {
 public:
  /// Adds an item.
  ///   x        [p], the same p for every item
  ///   outcome  0 to 1
  ///   throws   Error{input} when p differs from the first item's
  void add(std::span<const float> x, double outcome);

  /// returns  [p], F with 1 and n - 2 degrees of freedom; 0 for a feature or an outcome that never changes
  ///   throws   Error{input} for fewer than 3 items
  std::vector<double> finish() const;

  bool outcome_varies() const { return yy_ > 0; }

 private:
  std::int64_t n_ = 0;
  double y_ = 0, yy_ = 0;            ///< mean, and sum of squares around it
  std::vector<double> x_, xx_, xy_;  ///< [p] the same, and sum of products
};

/// Indices of the k largest, the largest first; equal ones by index.
std::vector<std::int64_t> largest(std::span<const double> x, std::int64_t k);

}  // namespace neurosweep
