#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/hook.hpp"
#include "framework/model/kv_cache.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep {

struct BatchPlan;

/// A decoder-only transformer: architecture and weights. Immutable; a forward is const.
/// A forward records gradients only when grad mode is on and a hook or the caller makes a tensor require them.
class Decoder {
 public:
  ///   throws  Error{internal}: a weight is missing or not of the shape that `arch` asks for
  Decoder(ArchSpec arch, Weights weights);

  const ArchSpec& arch() const { return arch_; }
  at::Device device() const { return embedding_.device(); }
  at::ScalarType dtype() const { return embedding_.scalar_type(); }

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

  /// The residual direction a neuron writes: its column of W_down.
  ///   returns  [D], a view of the weight
  at::Tensor down_column(NeuronId id) const;

 private:
  /// A layer's weights with the projections that read the same input put side by side.
  struct Layer {
    Norm attention_norm, mlp_norm;
    Linear qkv;          ///< [(H + 2 kv_heads) head_dim, D]
    at::Tensor qk_norm;  ///< [H + kv_heads, head_dim], or undefined
    Linear o;
    Linear gate_up;  ///< [2 M, D] gate above up, or [M, D]
    Linear down;
  };
  Layer fuse_layer(LayerWeights weights) const;
  at::Tensor attention(const Layer& layer, LayerIndex index, const at::Tensor& x, const BatchPlan& plan) const;
  at::Tensor neurons(const Layer& layer, const at::Tensor& x) const;

  ArchSpec arch_;
  at::Tensor embedding_, positions_;
  std::vector<Layer> layers_;
  Norm final_norm_;
  Linear head_;
  at::Tensor rope_cos_, rope_sin_;  ///< [context, head_dim / 2] f32
};

/// Reads DIR/config.json and its weights.
Decoder load_decoder(const std::string& dir, const WeightOptions& options = {});

}  // namespace neurosweep
