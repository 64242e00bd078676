#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/arch.hpp"
#include "framework/model/cpu/gemm.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep {

/// True where the kernels of framework/model/cpu take the place of libtorch's operators: on the CPU, in f32, with grad
/// mode off (they have no gradient).
bool runs_cpu_kernels(const at::Tensor& x);

/// x @ weight^T + bias.
/// A weight of another element type than x is converted for the call.
at::Tensor apply_linear(const at::Tensor& x, const Linear& linear);

/// The same for several maps, outputs side by side.
at::Tensor apply_linears(const at::Tensor& x, const std::vector<Linear>& linears);

/// The same by the CPU's kernels, on libtorch's number of threads; x [..., in] f32.
at::Tensor apply_packed(const at::Tensor& x, const cpu::PackedWeight& weight);
/// ... and activation(it), times the ups of a gated weight.
at::Tensor apply_packed(const at::Tensor& x, const cpu::PackedWeight& weight, ActivationKind activation);

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
