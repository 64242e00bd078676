#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/race.hpp"
#include "framework/rank/race.hpp"

namespace neurosweep {

/// The metric that races are about.
inline constexpr const char* kRaceMetric = "reasoning_logprob";
/// Names of the sizes of reach in screen blocks; see ReachEffects.
inline constexpr const char* kPushMetric = "margin_push";
inline constexpr const char* kDisplacementMetric = "displacement";

/// Forwards of an item that one exact intervention in each layer costs, suffix only.
///   T, scored  tokens fed and scored, mean over the items
///   returns    [L]; by multiplications: what lies above the neuron, over the whole model
std::vector<double> suffix_forwards(const ArchSpec& arch, double T, double scored);

/// A model's race as far as it is stored.
struct StoredRace {
  RaceField field;
  RaceSpec spec;
  std::vector<std::pair<std::string, std::string>> items;  ///< [P] task and id
  std::vector<double> screen;                              ///< [E] mean first-order effect over items
  double screen_forwards = 0;
  double brute_forwards = 0;  ///< every neuron on every item, suffix only
};

/// Reads the screen and the exact effects of the first `rounds` rounds of an experiment.
///   throws  Error{input} when the screen alone costs more than the budget
StoredRace read_race(const RaceKeys& keys, const Catalog& catalog, const Database& db, const std::string& model,
                     std::int64_t rounds);

}  // namespace neurosweep
