#include "framework/model/ops.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"

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

}  // namespace

at::Tensor apply_linear(const at::Tensor& x, const Linear& linear) {
  return at::linear(x, linear.weight, linear.bias);
}

at::Tensor normalize(const at::Tensor& x, const Norm& norm, NormKind kind, double eps) {
  if (kind == NormKind::rms) return rms_norm(x, norm.weight, eps);
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
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  return at::cat({a * cos - b * sin, b * cos + a * sin}, -1).to(x.scalar_type());
}

}  // namespace neurosweep
