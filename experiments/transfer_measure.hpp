#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "experiments/transfer_texts.hpp"
#include "experiments/transfer_tiles.hpp"
#include "framework/model/decoder.hpp"
#include "framework/rank/transfer.hpp"
#include "framework/store/unit_rows.hpp"

namespace neurosweep {

/// Both models of a transfer. What one gives may end with the next call of either.
struct ModelPair {
  std::function<const Decoder&()> donor, receiver;
};

/// How maps are made; TransferKeys says what each means.
struct MapSettings {
  std::vector<std::string> maps;  ///< with the shuffled ones
  SampleKind kind = SampleKind::token;
  std::int64_t samples = 4096;
  std::int64_t candidates = 16;
  double ridge = 0.01;
  std::uint64_t deal_seed = 0;    ///< of the pairing of shuffled maps
  std::int64_t donor_layers = 4;  ///< whose samples are held at a time; changes no row
};

/// Compares all layers of both models over a batch of texts.
UnitRows measure_similarity(const ModelPair& models, SharedTexts texts, SampleKind kind);

/// Candidates, moments, residual maps and mapped neurons of tiles.
///   texts  all of the transfer's; every fifth judges the maps
///   sets   of the donor
UnitRows measure_maps(const ModelPair& models, SharedTexts texts, const MapSettings& settings,
                      const std::vector<LayerTile>& tiles, const std::vector<DonorSet>& sets);

}  // namespace neurosweep
