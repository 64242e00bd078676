#pragma once

#include <cstdint>

namespace neurosweep::cpu {

// Kernels over rows of f32 numbers. Every row is computed alone: its result does not depend on its neighbours.

/// A view of rows; columns of one row are dense.
struct Rows {
  float* data;
  std::int64_t stride;
  std::int64_t count;
};

/// out = x / sqrt(mean(x^2) + eps) * weight. x and out may be the same.
///   weight  [width]
void rms_norm(const Rows& x, const float* weight, std::int64_t width, float eps, const Rows& out);

/// out = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias. x and out may be the same.
///   weight, bias  [width]
void layer_norm(const Rows& x, const float* weight, const float* bias, std::int64_t width, float eps, const Rows& out);

/// Heads of queries or keys, made ready for attention in place.
struct Heads {
  Rows tokens;  ///< each token holds [heads, head_dim] from its start
  std::int64_t heads, head_dim;
  const float* norm;  ///< [heads, head_dim] weights of an RMSNorm over head_dim, or null
  float eps;
  const float *cos, *sin;  ///< [context, head_dim / 2] of the rotation of (first half, second half) pairs, or null
  const std::int64_t* positions;  ///< [tokens] which row of cos and sin a token uses
};
void prepare_heads(const Heads& heads);

/// out[r] = log(sum of e^x over row r), finite for finite x.
///   x  [rows, width], dense
void log_sum_exp(const float* x, std::int64_t width, std::int64_t rows, double* out);

/// Index of the first of the largest numbers of x [width].
std::int64_t largest_at(const float* x, std::int64_t width);

}  // namespace neurosweep::cpu
