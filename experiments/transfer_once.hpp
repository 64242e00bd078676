#pragma once

#include "experiments/transfer_measure.hpp"

namespace neurosweep {

/// A transfer without a study: what a transfer experiment would measure and derive over these texts.
struct OneTransfer {
  TransferSpec spec;  ///< its maps are those that are made
  ModelRow donor, receiver;
  std::vector<DonorSet> sets;
  MapSettings settings;
  MatchedLayers layers = MatchedLayers::paired;
};

///   throws  Error{input}: too few samples
TransferRows measure_transfer(const OneTransfer& transfer, const ModelPair& models, const SharedTexts& texts);

}  // namespace neurosweep
