#pragma once

#include <vector>

#include "framework/model/weights.hpp"
#include "framework/steer/layer_edits.hpp"

namespace neurosweep {

/// Weights with edits made, and what became of them.
struct EditedWeights {
  Weights weights;
  std::vector<LayerIndex> changed;  ///< layers of which a number changed, ascending
};

/// The weights of a checkpoint with edits made, in memory: the numbers that edit_checkpoint() writes and read_weights()
/// then reads, but for a constant that is written as neurons, whose columns are rounded as the file is: here it is
/// the bias of the down projection, which a decoder has in every family.
///   edits   of this checkpoint
///   throws  Error{input}: a number is out of the range of the dtype; as read_weights()
EditedWeights edited_weights(const LayerTensors& model, const LayerWeightEdits& edits,
                             const WeightOptions& options = {});

}  // namespace neurosweep
