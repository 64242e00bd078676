#pragma once

#include <cstdint>
#include <span>

#include "framework/rank/stats.hpp"

namespace neurosweep {

/// A measured neuron as the recall estimate sees it.
struct RecallEntrant {
  double mean = 0;
  double standard_error = 0;
  double reach = 0;    ///< mean over items
  bool given = false;  ///< in the top K that is given
};

struct RecallEstimate {
  double recall = 0;
  Interval interval;  ///< 95 %
};

/// Estimates which share of the true top K is in the given one, from random possible worlds: in each, every measured
/// mean is drawn from its normal distribution, whose standard errors are drawn too (all by one log-normal factor), and
/// every other neuron gets the drawn mean of a measured neuron of about its reach, in proportion to the reach.
///   entrants     at least 1
///   other_reach  mean reach of the neurons that were not measured, in any order
///   source       Andridge, Little 2010, "A review of hot deck imputation for survey non-response"
RecallEstimate estimate_recall(std::span<const RecallEntrant> entrants, std::span<const float> other_reach,
                               std::int64_t top, std::uint64_t seed);

}  // namespace neurosweep
