#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/arch.hpp"
#include "framework/model/cpu/attention.hpp"
#include "framework/model/cpu/gemm.hpp"
#include "framework/model/cpu/rows.hpp"
#include "framework/model/ops.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep::cpu {

/// One layer's weights as the CPU's products read them.
struct PackedLayer {
  Norm attention_norm, mlp_norm;    ///< f32
  PackedWeight q, kv, o, up, down;  ///< up: gates beside ups where the MLP is gated
  at::Tensor q_norm, k_norm;        ///< [heads, head_dim] f32, or undefined
};

/// Parts of sequences that go through layers together without padding: row b is tokens [first[b], first[b] + n[b]) of
/// its sequence, and they stand one after the other in the batch's token buffers.
struct RaggedBatch {
  struct Row {
    std::int64_t first;   ///< position of its first token
    std::int64_t n;       ///< tokens
    std::int64_t offset;  ///< of its first token in the buffers
  };
  std::vector<Row> rows;
  std::int64_t tokens = 0;

  void add(std::int64_t first, std::int64_t n) {
    rows.push_back({first, n, tokens});
    tokens += n;
  }
  /// The last tokens of every row, those at or after `position`; rows without any stay, empty.
  RaggedBatch from(std::int64_t position) const;
};

/// A layer's keys and values of a sequence from position 0 on, shared by all rows of a batch.
struct LayerPrefix {
  const float* keys;  ///< [kv_heads, head_dim, keys_stride], transposed
  std::int64_t keys_stride;
  const float* values;  ///< [tokens, kv_heads * head_dim], row stride values_stride, 31 readable numbers behind the end
  std::int64_t values_stride;
};

/// Reads or changes what stands between the products of a layer.
class LayerProbe {
 public:
  virtual ~LayerProbe() = default;
  /// kv: rotated keys beside values, [batch.tokens, 2 kv_heads head_dim] of row stride `stride`.
  virtual void keys_values(const RaggedBatch& batch, const float* kv, std::int64_t stride) = 0;
  /// a: activations of the neurons, [batch.tokens, M] of row stride `stride`.
  virtual void neurons(const RaggedBatch& batch, float* a, std::int64_t stride) = 0;
};

/// Buffers of one thread's forwards; they grow to the largest batch and stay.
struct Workspace {
  AlignedBuffer<float> normed, q, kv, attended, neurons;
  std::vector<std::int64_t> positions;
  AttentionScratch attention;
};

/// A decoder's weights packed for the CPU, f32 or bf16; activations and arithmetic are f32. Runs ragged batches on one
/// thread: threads take different batches.
class PackedDecoder {
 public:
  PackedDecoder(const ArchSpec& arch, const Weights& weights, const RopeTables& rope);

  const PackedLayer& layer(std::int64_t l) const { return layers_[static_cast<std::size_t>(l)]; }
  const Norm& final_norm() const { return final_norm_; }
  const PackedWeight& head() const { return head_; }
  std::int64_t bytes() const;

  /// Distance between the rows of x [tokens, D] buffers, chosen to keep them apart in the cache.
  std::int64_t row_stride() const { return padded(arch_.D); }

  /// Runs layer l on the residuals x [batch.tokens, D] of row stride row_stride(), in place.
  ///   prefix  keys and values that rows see before their first token; null: all rows start at position 0
  ///   tail    where given: only these last tokens of every row leave the layer, dense from x's start
  ///   probe   may be null
  void run_layer(std::int64_t l, const RaggedBatch& batch, const LayerPrefix* prefix, const RaggedBatch* tail,
                 LayerProbe* probe, Workspace& work, float* x) const;

  /// Final norm and head of `rows` residuals.
  ///   logits  [rows, V]
  void run_head(float* x, std::int64_t rows, Workspace& work, float* logits) const;

  /// Buffers of one batch, bytes a token, logits aside.
  std::int64_t bytes_per_token() const;

  void normalize(const Norm& norm, const Rows& x, const Rows& out) const;

 private:
  static std::int64_t padded(std::int64_t width) { return (width + 15) / 16 * 16 + 16; }
  void attend_rows(const RaggedBatch& batch, const LayerPrefix* prefix, const RaggedBatch& queries,
                   Workspace& work) const;
  const std::int64_t* positions_of(const RaggedBatch& batch, Workspace& work) const;

  ArchSpec arch_;
  std::vector<PackedLayer> layers_;
  Norm final_norm_;
  PackedWeight head_;
  at::Tensor cos_, sin_;  ///< [context, head_dim / 2] f32, or undefined
};

}  // namespace neurosweep::cpu
