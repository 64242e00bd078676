#pragma once

#include <string>
#include <vector>

#include "experiments/transfer.hpp"

namespace neurosweep {

/// Layers that a unit works on together.
struct LayerTile {
  std::int64_t donor = 0;
  std::int64_t receiver = 0;
  bool paired = false;  ///< else only neurons are matched
};

std::string tile_text(const LayerTile& tile);
LayerTile tile_of(const std::string& text);

/// Compares all layers of both models over a unit's items.
UnitRows measure_similarity(Workbench& bench, const TransferKeys& keys, const WorkUnit& unit);

/// Candidates, moments, residual maps and mapped neurons of a unit's tiles, over all items of the experiment.
///   maps  with the shuffled ones
///   plan  its members are the donor's sets
UnitRows measure_maps(Workbench& bench, const TransferKeys& keys, const std::vector<std::string>& maps,
                      const Plan& plan, const WorkUnit& unit);

}  // namespace neurosweep
