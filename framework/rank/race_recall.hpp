#pragma once

#include <cstdint>
#include <span>

#include "framework/rank/race.hpp"
#include "framework/rank/stats.hpp"

namespace neurosweep {

/// A measured neuron as the recall estimate sees it.
struct RecallEntrant {
  double mean = 0;
  double standard_error = 0;
  ScreenedNeuron screened;
  bool given = false;  ///< in the top K that is given
};

struct RecallEstimate {
  double recall = 0;
  Interval interval;  ///< 95 %
};

/// Estimates which share of the true top K is in the given one, from random possible worlds: in each, every measured
/// mean is drawn from its normal distribution, whose standard errors are drawn too (all by one log-normal factor), and
/// every other neuron gets the drawn mean of a measured neuron of about its reach: its own
/// first-order effect plus that neuron's drawn distance from its first-order effect, in proportion to the reach.
///   entrants  at least 1
///   others    the neurons that were not measured, in any order
///   source       Andridge, Little 2010, "A review of hot deck imputation for survey non-response"
RecallEstimate estimate_recall(std::span<const RecallEntrant> entrants, std::span<const ScreenedNeuron> others,
                               std::int64_t top, std::uint64_t seed);

}  // namespace neurosweep
