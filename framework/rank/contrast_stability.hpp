#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "framework/rank/scores.hpp"
#include "framework/rank/stats.hpp"

namespace neurosweep {

/// Neurons in both sets over neurons in either; 1 when both are empty.
double jaccard(const std::set<NeuronId>& a, const std::set<NeuronId>& b);

/// How much a selection changes when the items are drawn again.
struct Stability {
  double mean = 0;  ///< Jaccard of a resample's selection with that of all items
  Interval middle;  ///< of the resamples, 95 %
  std::int64_t resamples = 0;
};

/// Draws the items that have trace pairs again, with replacement, and selects each time.
///   model    of `spec`; `task` is one of its tasks or kAllTasks
///   resamples, seed  fix the draws
///   returns  nothing when fewer than 2 items have pairs
std::optional<Stability> contrast_stability(const Database& db, const ContrastSpec& spec, const ModelRow& model,
                                            const std::string& task, std::int64_t resamples, std::uint64_t seed);

}  // namespace neurosweep
