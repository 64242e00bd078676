#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "framework/model/arch.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep {

/// True where the f32 kernels of cpu_kernels.hpp take the place of libtorch's operators: on the CPU, in f32, with grad
/// mode off (they have no gradient).
bool runs_cpu_kernels(const at::Tensor& x);

/// Elements from one token to the next in x [B, T, ...], whose tokens are evenly apart. A dimension of size 1 may carry
/// any stride, so that T = 1 needs the stride of B.
inline std::int64_t token_stride(const at::Tensor& x) {
  return x.size(1) > 1 ? x.stride(1) : x.stride(0);
}

/// x @ weight^T + bias.
at::Tensor apply_linear(const at::Tensor& x, const Linear& linear);

/// LayerNorm, or RMSNorm as Hugging Face defines it: mean square and division in f32, cast back, times weight.
///   x       [..., W]
///   weight  [W], or [heads, W] for x [..., heads, W]
at::Tensor normalize(const at::Tensor& x, const Norm& norm, NormKind kind, double eps);

at::Tensor activate(const at::Tensor& x, ActivationKind kind);

/// act(gate) * up of both side by side.
///   gate_up  [..., 2 M]
///   returns  [..., M]
at::Tensor gated_activation(const at::Tensor& gate_up, ActivationKind kind);

/// Cosine and sine of every position's rotation angles.
struct RopeTables {
  at::Tensor cos, sin;  ///< [context, head_dim / 2] f32
};

///   source  transformers/modeling_rope_utils.py (default, linear, llama3)
RopeTables make_rope_tables(const ArchSpec& arch, at::Device device);

/// Rotates (first half, second half) pairs of every head.
///   x         [B, T, heads, head_dim]
///   cos, sin  [B or 1, T, 1, head_dim / 2] f32
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

}  // namespace neurosweep
