#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/hook.hpp"
#include "framework/model/kv_cache.hpp"
#include "framework/model/model_group.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep {

struct BatchPlan;

namespace cpu {
class PackedDecoder;
struct PackedLayer;
}  // namespace cpu

/// A decoder-only transformer: architecture and weights. Immutable; a forward is const.
/// A forward records gradients only when grad mode is on and a hook or the caller makes a tensor require them.
/// On the CPU activations and arithmetic are f32, whatever the type of the weights.
/// Ranks of a group hold a part each: every call that runs weights is then collective, residuals and logits are whole
/// and the same on every rank, and hooks see the rank's own neurons_of(arch()) at Site::neuron.
class Decoder {
 public:
  ///   weights  of arch.part
  ///   group    null when arch.part is the whole decoder
  ///   throws   Error{internal}: a weight is missing or not of the shape that `arch` asks for
  Decoder(ArchSpec arch, Weights weights, std::shared_ptr<ModelGroup> group = nullptr);
  Decoder(Decoder&&) noexcept;
  ~Decoder();

  const ArchSpec& arch() const { return arch_; }
  /// Sizes of what this rank holds.
  const ArchSpec& own_sizes() const { return own_; }
  ModelGroup* group() const { return group_.get(); }
  at::Device device() const { return weights_.embedding.device(); }
  /// Element type of activations.
  at::ScalarType dtype() const { return device().is_cpu() ? at::kFloat : weights_.embedding.scalar_type(); }

  /// The weights as the CPU's own kernels read them, packed at the first call: as much memory again as they take.
  const cpu::PackedDecoder& packed() const;

  /// Token embeddings, plus positions where they are learned.
  ///   tokens   [B, T] int64, on any device (ids are checked where they are on the CPU)
  ///   returns  [B, T, D]
  ///   throws   Error{input}: a token id outside the vocabulary, a position outside the context
  at::Tensor embed(const at::Tensor& tokens, const BatchRows& rows) const;

  /// Runs layers [first, last) on the residual stream.
  ///   x        [B, T, D]: embeddings, or the residual after layer first - 1
  ///   hook     may be null
  ///   cache    null: causal attention within the batch's own columns; else row b continues row b of the cache
  ///   returns  [B, T, D], the residual after layer last - 1; padded columns hold unspecified finite numbers
  at::Tensor run_layers(at::Tensor x, LayerIndex first, LayerIndex last, const BatchRows& rows, ActivationHook* hook,
                        KvCache* cache) const;

  /// Final norm and head.
  ///   x        [..., D]
  ///   returns  [..., V] f32 logits
  at::Tensor head(const at::Tensor& x) const;

  /// embed, all layers and head at every position.
  ///   returns  [B, T, V] f32 logits
  at::Tensor forward(const at::Tensor& tokens, const BatchRows& rows, ActivationHook* hook = nullptr,
                     KvCache* cache = nullptr) const;

  /// The residual direction that a neuron of neurons_of(arch()) writes: its column of W_down.
  ///   returns  [D], a view of the weight
  at::Tensor down_column(NeuronId id) const;

 private:
  /// A layer's projections for libtorch's operators: those that read the same input side by side, as one map where
  /// that costs no second copy of weights that stay mapped from their file (not on the CPU).
  struct Layer {
    std::vector<Linear> qkv;  ///< [(H + 2 kv_heads) head_dim, D] in all
    at::Tensor qk_norm;       ///< [H + kv_heads, head_dim], or undefined
    std::vector<Linear> up;   ///< [2 M, D] gate above up, or [M, D]
  };
  struct Packing {
    std::once_flag once;
    std::unique_ptr<const cpu::PackedDecoder> decoder;
  };
  Layer join_layer(const LayerWeights& weights) const;
  const LayerWeights& weights_of(LayerIndex l) const { return weights_.layers[static_cast<std::size_t>(to_int(l))]; }
  at::Tensor embed_tokens(const at::Tensor& tokens) const;
  at::Tensor own_logits(const at::Tensor& x) const;
  at::Tensor attention(LayerIndex l, const at::Tensor& x, const BatchPlan& plan) const;
  at::Tensor neurons(LayerIndex l, const at::Tensor& x, const BatchPlan& plan) const;
  at::Tensor run_layer(LayerIndex l, at::Tensor x, const BatchPlan& plan, ActivationHook* hook) const;

  ArchSpec arch_, own_;
  std::shared_ptr<ModelGroup> group_;
  Weights weights_;
  std::vector<Layer> layers_;
  at::Tensor rope_cos_, rope_sin_;  ///< [context, head_dim / 2] f32
  std::unique_ptr<Packing> packing_;
};

/// Reads DIR/config.json and its weights, or the group's part of them.
Decoder load_decoder(const std::string& dir, const WeightOptions& options = {},
                     std::shared_ptr<ModelGroup> group = nullptr);

}  // namespace neurosweep
