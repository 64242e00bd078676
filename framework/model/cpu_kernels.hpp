#pragma once

#include <cstdint>

namespace neurosweep::cpu {

// f32 kernels for the CPU, where a tiny model's forward would otherwise spend its time between many small operators.
// They use AVX2 where the processor has it. Every row is computed alone: its result does not depend on the batch.

/// RMSNorm of `rows` rows: out = x / sqrt(mean(x^2) + eps) * weight.
///   x       row r starts at r / group * group_stride + r % group * width
///   weight  [group, width]
///   out     [rows, width]
void rms_norm(const float* x, std::int64_t group_stride, const float* weight, std::int64_t group, float* out,
              std::int64_t rows, std::int64_t width, float eps);

/// Rotates (first half, second half) pairs of every head of every token.
///   x         token r starts at r * token_stride and holds [heads, head_dim]
///   cos, sin  [tokens or fewer, head_dim / 2]: token r uses row r % table_rows
///   out       [tokens, heads, head_dim]
void rotate(const float* x, std::int64_t token_stride, const float* cos, const float* sin, std::int64_t table_rows,
            float* out, std::int64_t tokens, std::int64_t heads, std::int64_t head_dim);

/// Keys of one scored block of the attention kernel: transposed keys must be readable up to a multiple of it.
inline constexpr std::int64_t kKeyBlock = 32;

constexpr std::int64_t round_to_key_block(std::int64_t n) {
  return (n + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
}

/// Causal attention of B rows of T queries. Query t of row b looks at keys 0 .. first[b] + t.
struct Attention {
  std::int64_t B, T, H, kv_heads, head_dim;
  const std::int64_t* first;     ///< [B] keys before the row's first query
  const std::int64_t* n_tokens;  ///< [B] real queries; the output of the others is 0
  const float* q;                ///< [B, T, H, head_dim], token stride q_stride
  std::int64_t q_stride;
  const float* keys;  ///< [B, kv_heads, head_dim, keys_stride] when transposed, else [B, T, kv_heads, head_dim]
  std::int64_t keys_stride;
  enum class KeyLayout { by_token, transposed } key_layout;
  const float* values;  ///< key s of head h of row b at b * values_row + h * values_head + s * values_stride
  std::int64_t values_row, values_head, values_stride;
  float* out;  ///< [B, T, H, head_dim]
};

void attend(const Attention& job, int threads);

/// Writes the real tokens of a batch into a cache.
struct CacheWrite {
  std::int64_t B, T, kv_heads, head_dim, capacity;
  const std::int64_t* first;     ///< [B] position of column 0
  const std::int64_t* n_tokens;  ///< [B]
  const float* k;                ///< [B, T, kv_heads, head_dim], token stride k_stride
  std::int64_t k_stride;
  const float* v;  ///< the same, token stride v_stride
  std::int64_t v_stride;
  float* keys;    ///< [>= B, kv_heads, head_dim, capacity]
  float* values;  ///< [>= B, kv_heads, capacity, head_dim]
};

void write_cache(const CacheWrite& job);

}  // namespace neurosweep::cpu
