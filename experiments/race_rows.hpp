#pragma once

#include <string>
#include <vector>

#include "experiments/race_field.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// Derived rows of one race.
struct RaceRows {
  std::vector<RaceNeuronRow> neurons;
  std::vector<RaceResultRow> results;
  std::vector<NeuronEffectRow> effects;
  std::vector<CriticalSetRow> members;
};

/// Adds what a finished race found about a model. A neuron of the given top is critical when its effect is
/// significantly negative and below most random controls, as in a sweep.
void add_race_rows(RaceRows& rows, const RaceKeys& keys, const std::string& model, const StoredRace& race,
                   const RaceVerdict& verdict);

}  // namespace neurosweep
