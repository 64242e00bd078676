#pragma once

#include "framework/model/weights.hpp"
#include "framework/steer/layer_edits.hpp"

namespace neurosweep {

/// The weights of a checkpoint with edits made, in memory: the numbers that edit_checkpoint() writes and read_weights()
/// then reads. A constant is the bias of the down projection, which a decoder has in every family.
///   edits   of this checkpoint
///   throws  Error{input}: no number changes, or one is out of the range of the dtype; as read_weights()
Weights edited_weights(const LayerTensors& model, const LayerWeightEdits& edits, const WeightOptions& options = {});

}  // namespace neurosweep
