#pragma once

#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/model/arch.hpp"

namespace neurosweep {

/// Neurons that a hook reads, in the caller's order.
class ChosenNeurons {
 public:
  ///   throws  Error{input}: no neuron, one outside the model or twice
  ChosenNeurons(std::span<const NeuronId> neurons, const ArchSpec& arch);

  std::size_t size() const { return size_; }
  /// Places of a layer's neurons in the caller's order; empty for a layer without one.
  std::span<const std::size_t> places(LayerIndex layer) const { return of(layer).places; }
  LayerIndex first_layer() const { return first_; }

  /// Activations of a layer's neurons.
  ///   x        [B, T, M]
  ///   returns  [B, T, K_l] f32 on the CPU, contiguous, in the order of places(layer)
  at::Tensor read(LayerIndex layer, const at::Tensor& x) const;

 private:
  struct Layer {
    std::vector<std::size_t> places;
    at::Tensor columns;  ///< [K_l] int64
  };
  const Layer& of(LayerIndex layer) const { return layers_[static_cast<std::size_t>(to_int(layer))]; }

  std::size_t size_;
  LayerIndex first_{};
  std::vector<Layer> layers_;  ///< [L]
};

}  // namespace neurosweep
