#include "framework/model/ops.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"
#include "framework/model/cpu_kernels.hpp"

namespace neurosweep {
namespace {

/// Angle per token of each rotated pair, as f32 like the reference implementation.
std::vector<float> inverse_frequencies(const ArchSpec& arch) {
  const RopeSpec& rope = arch.rope;
  const double low_wavelength = static_cast<double>(rope.original_context) / rope.low_freq_factor;
  const double high_wavelength = static_cast<double>(rope.original_context) / rope.high_freq_factor;
  std::vector<float> result;
  for (std::int64_t i = 0; i < arch.head_dim; i += 2) {
    double frequency = 1.0 / std::pow(rope.theta, static_cast<double>(i) / static_cast<double>(arch.head_dim));
    const double wavelength = 2 * std::numbers::pi / frequency;
    if (rope.scaling == RopeScaling::linear) frequency /= rope.factor;
    if (rope.scaling == RopeScaling::llama3 && wavelength > low_wavelength) {
      frequency /= rope.factor;
    } else if (rope.scaling == RopeScaling::llama3 && wavelength >= high_wavelength) {
      const double smooth = (static_cast<double>(rope.original_context) / wavelength - rope.low_freq_factor) /
                            (rope.high_freq_factor - rope.low_freq_factor);
      frequency = (1 - smooth) * frequency / rope.factor + smooth * frequency;
    }
    result.push_back(static_cast<float>(frequency));
  }
  return result;
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true).add(eps));
  return at::mul(wide, scale).to(x.scalar_type()).mul(weight);
}

/// x: [..., W], or [B, T, heads, W] with weight [heads, W]; tokens may be apart, what belongs to one is dense.
at::Tensor rms_norm_on_cpu(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const std::int64_t width = x.size(-1), group = weight.numel() / width;
  const at::Tensor in = group > 1 ? x : x.contiguous();
  const std::int64_t group_stride = group > 1 ? token_stride(x) : width;
  at::Tensor out = at::empty(x.sizes(), x.options());
  cpu::rms_norm(in.const_data_ptr<float>(), group_stride, weight.const_data_ptr<float>(), group,
                out.mutable_data_ptr<float>(), x.numel() / width, width, static_cast<float>(eps));
  return out;
}

at::Tensor rotate_on_cpu(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  at::Tensor out = at::empty(x.sizes(), x.options());
  cpu::rotate(x.const_data_ptr<float>(), token_stride(x), cos.const_data_ptr<float>(), sin.const_data_ptr<float>(),
              cos.size(0) * cos.size(1), out.mutable_data_ptr<float>(), x.size(0) * x.size(1), x.size(2), x.size(3));
  return out;
}

}  // namespace

bool runs_cpu_kernels(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && !c10::GradMode::is_enabled();
}

at::Tensor apply_linear(const at::Tensor& x, const Linear& linear) {
  return at::linear(x, linear.weight, linear.bias);
}

at::Tensor normalize(const at::Tensor& x, const Norm& norm, NormKind kind, double eps) {
  if (kind == NormKind::rms) {
    return runs_cpu_kernels(x) ? rms_norm_on_cpu(x, norm.weight, eps) : rms_norm(x, norm.weight, eps);
  }
  return at::layer_norm(x, norm.weight.sizes(), norm.weight, norm.bias, eps);
}

at::Tensor activate(const at::Tensor& x, ActivationKind kind) {
  switch (kind) {
    case ActivationKind::silu:
      return at::silu(x);
    case ActivationKind::gelu_tanh:
      return at::gelu(x, "tanh");
    case ActivationKind::gelu:
      return at::gelu(x);
    case ActivationKind::relu:
      return at::relu(x);
  }
  throw Error(ErrorKind::internal, "unknown activation");
}

at::Tensor gated_activation(const at::Tensor& gate_up, ActivationKind kind) {
  const std::int64_t M = gate_up.size(-1) / 2;
  return at::mul(activate(gate_up.narrow(-1, 0, M), kind), gate_up.narrow(-1, M, M));
}

RopeTables make_rope_tables(const ArchSpec& arch, at::Device device) {
  const at::Tensor positions = at::arange(arch.context, at::kFloat);
  const at::Tensor angles = at::outer(positions, at::tensor(inverse_frequencies(arch), at::kFloat));
  return {at::cos(angles).to(device), at::sin(angles).to(device)};
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  if (runs_cpu_kernels(x)) return rotate_on_cpu(x, cos, sin);
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  return at::cat({a * cos - b * sin, b * cos + a * sin}, -1).to(x.scalar_type());
}

}  // namespace neurosweep
