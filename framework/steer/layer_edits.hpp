#pragma once

#include <map>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/model/layer_tensors.hpp"
#include "framework/steer/edit_file.hpp"

namespace neurosweep {

/// What edits make of the map behind one layer's neurons, in double precision.
struct LayerWeightEdit {
  std::map<NeuronIndex, at::Tensor> columns;  ///< [D] f64, changed columns of W_down
  at::Tensor bias;                            ///< [D] f64, added to the MLP's output; undefined: nothing
};

using LayerWeightEdits = std::map<LayerIndex, LayerWeightEdit>;

/// Works out edits on a checkpoint's weights, one after the other; reads no more than the columns that they need.
///   throws  Error{input}: a neuron outside the model, a number that is not finite
LayerWeightEdits make_layer_edits(const LayerTensors& model, const std::vector<WeightEdit>& edits);

/// The constant residual directions of a push, s W_down S' of every layer that it touches.
///   throws  Error{input}: a neuron outside the model, a pull, or nothing that is not 0
std::map<LayerIndex, at::Tensor> constant_directions(const LayerTensors& model, const SteeringPattern& pattern,
                                                     double strength);

}  // namespace neurosweep
