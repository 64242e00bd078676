#pragma once

#include <cstdint>
#include <functional>

#include "framework/model/cpu/gemm.hpp"

namespace neurosweep::cpu {

/// Keys of a segment are read in blocks: transposed keys must be readable up to a multiple of it.
inline constexpr std::int64_t kKeyBlock = PackedWeight::kPanel;

constexpr std::int64_t round_to_key_block(std::int64_t n) {
  return (n + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
}

/// Keys and values of consecutive tokens for one key head.
struct KeySegment {
  const float* keys = nullptr;  ///< [head_dim, keys_stride], readable up to round_to_key_block(count)
  std::int64_t keys_stride = 0;
  const float* values = nullptr;  ///< [count, head_dim], row stride values_stride; 31 readable numbers behind the end
  std::int64_t values_stride = 0;
  std::int64_t count = 0;
};

/// Attention of queries that share a key head: all see the prefix, and query t sees own keys 0 .. first + t * step.
struct HeadAttention {
  std::int64_t head_dim, queries;
  const float* q;  ///< [queries, head_dim], row stride q_stride
  std::int64_t q_stride;
  KeySegment prefix, own;
  std::int64_t first;
  std::int64_t step;  ///< 1: consecutive tokens of one head; 0: heads of one token
  float* out;         ///< [queries, head_dim], row stride out_stride
  std::int64_t out_stride;
};

/// Scratch of one thread.
struct AttentionScratch {
  AlignedBuffer<float> scores, mixed, keys;
};

void attend(const HeadAttention& job, AttentionScratch& scratch);

/// Runs units of attention 0 .. units - 1 on some threads, each with its thread's scratch.
void for_each_unit(std::int64_t units, int threads,
                   const std::function<void(std::int64_t unit, AttentionScratch& scratch)>& run);

/// Transposes keys [count, head_dim] of row stride `stride` to [head_dim, to_stride].
void transpose_keys(const float* keys, std::int64_t stride, std::int64_t count, std::int64_t head_dim, float* to,
                    std::int64_t to_stride);

}  // namespace neurosweep::cpu
