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

  /// Activations of a layer's neurons on the CPU, in the order of places(layer).
  class View {
   public:
    /// Activation of neuron k at column t of batch row b.
    float at(std::int64_t b, std::int64_t t, std::size_t k) const {
      return data_[(b * T_ + t) * stride_ + columns_[k]];
    }

   private:
    friend class ChosenNeurons;
    at::Tensor held_;  ///< what data_ points into
    const float* data_ = nullptr;
    const std::int64_t* columns_ = nullptr;
    std::int64_t T_ = 0, stride_ = 0;
  };
  /// Collective in a group.
  ///   x  [B, T, M], or this rank's neurons of them; the view is valid as long as x and this
  View read(LayerIndex layer, const at::Tensor& x) const;

 private:
  struct Layer {
    std::vector<std::size_t> places;
    std::vector<std::int64_t> columns;  ///< [K_l] of the activations, counted from this rank's first neuron
    std::vector<std::int64_t> dense;    ///< [K_l] 0, 1, ...: of activations that were picked out
  };
  at::Tensor pick(LayerIndex layer, const at::Tensor& x) const;
  const Layer& of(LayerIndex layer) const { return layers_[static_cast<std::size_t>(to_int(layer))]; }

  std::size_t size_;
  ModelGroup* group_;
  LayerIndex first_{};
  std::vector<Layer> layers_;  ///< [L]
};

}  // namespace neurosweep
