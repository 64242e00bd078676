#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "results_schema/rows.hpp"

namespace neurosweep {

/// Samples over which layers can be compared, at least.
inline constexpr std::int64_t kFewestSamples = 4;

/// A layer of each model that a map is fitted between.
struct LayerTile {
  std::int64_t donor = 0;
  std::int64_t receiver = 0;
  bool paired = false;  ///< else only neurons are matched
};

std::string tile_text(const LayerTile& tile);
LayerTile tile_of(const std::string& text);

/// Layers between which neurons are matched.
enum class MatchedLayers { paired, all };

/// The layers that a transfer's `layers` names.
///   where   what the message starts with
///   throws  Error{input} for anything but paired and all
MatchedLayers matched_layers(const std::string& layers, const std::string& where);

/// Sizes of the batches in which `n` texts are compared, in order. A short rest goes with the batch before it: layers
/// are compared over kFewestSamples at least.
std::vector<std::int64_t> comparison_batches(std::int64_t n, std::int64_t size);

/// The tiles that belong together: a few receiver layers with the donor layers that are paired with them; then, for
/// all layers, squares of layers that do not belong together.
///   together  receiver layers in a group, and donor layers in a square
std::vector<std::vector<LayerTile>> group_tiles(const std::vector<LayerSimilarityRow>& similarity,
                                                std::int64_t together, MatchedLayers layers);

/// Tiles in their order, cut where more than `most` donor layers would come together.
std::vector<std::span<const LayerTile>> donor_slabs(std::span<const LayerTile> tiles, std::int64_t most);

}  // namespace neurosweep
