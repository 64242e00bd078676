#include "experiments/transfer_tiles.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "framework/base/error.hpp"

namespace neurosweep {

std::string tile_text(const LayerTile& tile) {
  return fmt::format("{} {} {}", tile.paired ? "pair" : "tile", tile.donor, tile.receiver);
}

LayerTile tile_of(const std::string& text) {
  std::istringstream words(text);
  std::string kind;
  LayerTile tile;
  ensure(static_cast<bool>(words >> kind >> tile.donor >> tile.receiver), "a unit's text names a tile");
  tile.paired = kind == "pair";
  return tile;
}

MatchedLayers matched_layers(const std::string& layers, const std::string& where) {
  if (layers == "paired") return MatchedLayers::paired;
  if (layers == "all") return MatchedLayers::all;
  throw input_error("{} = '{}' (valid: paired, all)", where, layers);
}

std::vector<std::int64_t> comparison_batches(std::int64_t n, std::int64_t size) {
  std::vector<std::int64_t> batches;
  for (std::int64_t begin = 0; begin < n; begin += size) batches.push_back(std::min(size, n - begin));
  if (batches.size() > 1 && batches.back() < std::min(kFewestSamples, size)) {
    const std::int64_t rest = batches.back();
    batches.pop_back();
    batches.back() += rest;
  }
  return batches;
}

std::vector<std::vector<LayerTile>> group_tiles(const std::vector<LayerSimilarityRow>& similarity,
                                                std::int64_t together, MatchedLayers layers) {
  std::map<std::int64_t, std::vector<LayerTile>> by_receiver;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<LayerTile>> squares;
  for (const LayerSimilarityRow& row : similarity) {
    const LayerTile tile{row.donor_layer, row.receiver_layer, row.paired != 0};
    if (tile.paired) {
      by_receiver[tile.receiver].push_back(tile);
    } else if (layers == MatchedLayers::all) {
      squares[{tile.receiver / together, tile.donor / together}].push_back(tile);
    }
  }
  std::vector<std::vector<LayerTile>> groups;
  std::int64_t n = 0;
  for (const auto& [receiver, tiles] : by_receiver) {
    if (n++ % together == 0) groups.emplace_back();
    groups.back().insert(groups.back().end(), tiles.begin(), tiles.end());
  }
  for (auto& [square, tiles] : squares) groups.push_back(std::move(tiles));
  return groups;
}

std::vector<std::span<const LayerTile>> donor_slabs(std::span<const LayerTile> tiles, std::int64_t most) {
  std::vector<std::span<const LayerTile>> slabs;
  std::set<std::int64_t> donors;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    donors.insert(tiles[i].donor);
    if (std::ssize(donors) <= most) continue;
    slabs.push_back(tiles.subspan(begin, i - begin));
    begin = i;
    donors = {tiles[i].donor};
  }
  if (begin < tiles.size()) slabs.push_back(tiles.subspan(begin));
  return slabs;
}

}  // namespace neurosweep
