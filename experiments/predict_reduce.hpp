#pragma once

#include <vector>

#include "experiments/predict_data.hpp"

namespace neurosweep {

/// Derived rows of failure prediction.
struct PredictRows {
  std::vector<FailurePredictionRow> predictions;
  std::vector<PredictionQualityRow> quality;
  std::vector<PredictorFitRow> fits;
};

/// Trains the network and the simpler predictors of a model on the training items, calibrates each on the validation
/// items and adds what they say and how good it is.
///   seed  of the network and of the bootstrap
void add_predict_rows(PredictRows& rows, const PredictSpec& keys, const std::string& model,
                      const std::vector<PredictItem>& items, const PredictFeatures& features, std::uint64_t seed);

}  // namespace neurosweep
