#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/model/arch.hpp"
#include "framework/model/cpu/packed_decoder.hpp"
#include "framework/model/hook.hpp"
#include "framework/model/kv_cache.hpp"
#include "framework/model/ops.hpp"

namespace neurosweep {

/// What all layers of one forward share: where its tokens stand, and what each may look at.
struct BatchPlan {
  std::int64_t B = 0, T = 0;
  const BatchRows* rows = nullptr;
  KvCache* cache = nullptr;
  bool reads_cache = false;  ///< false: every row starts at position 0, so that its keys are the batch's own
  bool on_cpu = false;       ///< runs by the CPU's kernels

  // Where the CPU's kernels run:
  const float *cos_table = nullptr, *sin_table = nullptr;  ///< [context, head_dim / 2], null without rope
  std::vector<std::int64_t> positions;                     ///< [B T]

  // Where they do not:
  at::Tensor cos, sin;        ///< [B or 1, T, 1, head_dim / 2], undefined without rope
  std::int64_t S = 0;         ///< keys that a query may look at: T, or the longest row of the cache
  at::Tensor mask;            ///< [B or 1, 1, G T, S], 0 or -inf, G queries of one key head folded; undefined: causal
  at::Tensor real;            ///< [n] which of the B T columns are real
  at::Tensor cache_row;       ///< [n] and their rows
  at::Tensor cache_position;  ///< [n] and positions in the cache
};

/// Plans a forward of x [B, T, D], which must not outlive `rows`; extends the cache's rows.
BatchPlan plan_batch(const ArchSpec& arch, const at::Tensor& x, const BatchRows& rows, const RopeTables& rope,
                     KvCache* cache);

/// Causal attention of one layer by the CPU's kernels; writes keys and values to the plan's cache.
///   normed   [B, T, D]
///   returns  [B, T, H * head_dim]
at::Tensor attend_packed(const ArchSpec& arch, const cpu::PackedLayer& weights, const at::Tensor& normed,
                         const BatchPlan& plan, LayerIndex layer);

/// Causal attention of rotated queries and keys with grouped key heads; writes keys and values to the plan's cache.
///   qk       [B, T, H + kv_heads, head_dim]
///   v        [B, T, kv_heads * head_dim]
///   returns  [B, T, H * head_dim]
at::Tensor attend(const ArchSpec& arch, const at::Tensor& qk, const at::Tensor& v, const BatchPlan& plan,
                  LayerIndex layer);

}  // namespace neurosweep
