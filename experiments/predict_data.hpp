#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/predict.hpp"

namespace neurosweep {

/// What was measured of one item.
struct PredictItem {
  std::string task;
  std::string item;
  std::string split;
  double failed = 0;          ///< share of the attempts
  std::int64_t n_tokens = 0;  ///< of the prompt
};

/// The items of a model, by split, task and draw, whose outcomes and mean activations are stored.
///   throws  Error{store}: an item that the plan has and the store has not
std::vector<PredictItem> read_predict_items(const PredictSpec& keys, const Catalog& catalog, const Database& db,
                                            const std::string& model);

/// The neurons that a model's predictor reads, by layer: those of greatest F on the training items. Empty when all of
/// these failed or none.
std::vector<NeuronId> choose_features(const PredictSpec& keys, const Catalog& catalog, const Database& db,
                                      const std::string& model, const std::vector<PredictItem>& items);

/// Stored activations of the chosen neurons.
struct PredictFeatures {
  at::Tensor means;                ///< [n, K] f32, over the tokens of each prompt
  std::vector<at::Tensor> tokens;  ///< [n] of [T, K] f32
};

/// Reads what rounds 0 and 1 measured, in the order of `items`.
///   neurons  of round 1, by layer
PredictFeatures read_features(const PredictSpec& keys, const Catalog& catalog, const Database& db,
                              const std::string& model, const std::vector<NeuronId>& neurons,
                              const std::vector<PredictItem>& items);

}  // namespace neurosweep
