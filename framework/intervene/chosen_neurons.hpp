#pragma once

#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/model_group.hpp"

namespace neurosweep {

/// Neurons that a hook reads, in the caller's order.
class ChosenNeurons {
 public:
  ///   group   of the decoder, null when it is whole
  ///   throws  Error{input}: no neuron, one outside the model or twice
  ChosenNeurons(std::span<const NeuronId> neurons, const ArchSpec& arch, ModelGroup* group = nullptr);

  std::size_t size() const { return size_; }
  /// Places of a layer's neurons in the caller's order; empty for a layer without one.
  std::span<const std::size_t> places(LayerIndex layer) const { return of(layer).places; }
  LayerIndex first_layer() const { return first_; }

  /// Activations of a layer's neurons. Collective in a group.
  ///   x        [B, T, M], or this rank's neurons of them
  ///   returns  [B, T, K_l] f32 on the CPU, contiguous, in the order of places(layer)
  at::Tensor read(LayerIndex layer, const at::Tensor& x) const;

 private:
  struct Layer {
    std::vector<std::size_t> places;
    at::Tensor columns;  ///< [K_l] int64, counted from this rank's first neuron
  };
  const Layer& of(LayerIndex layer) const { return layers_[static_cast<std::size_t>(to_int(layer))]; }

  std::size_t size_;
  ModelGroup* group_;
  LayerIndex first_{};
  std::vector<Layer> layers_;  ///< [L]
};

}  // namespace neurosweep
