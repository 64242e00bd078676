#include "framework/model/ops.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"
#include "framework/model/cpu/rows.hpp"

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

at::Tensor normalize_on_cpu(const at::Tensor& x, const Norm& norm, NormKind kind, double eps) {
  const std::int64_t width = x.size(-1), rows = x.numel() / width;
  const at::Tensor in = x.contiguous();
  at::Tensor out = at::empty(x.sizes(), x.options());
  const cpu::Rows from{const_cast<float*>(in.const_data_ptr<float>()), width, rows};
  const cpu::Rows to{out.mutable_data_ptr<float>(), width, rows};
  const auto* weight = norm.weight.const_data_ptr<float>();
  if (kind == NormKind::rms) {
    cpu::rms_norm(from, weight, width, static_cast<float>(eps), to);
  } else {
    cpu::layer_norm(from, weight, norm.bias.const_data_ptr<float>(), width, static_cast<float>(eps), to);
  }
  return out;
}

at::Tensor multiply_packed(const at::Tensor& x, const cpu::PackedWeight& weight, cpu::Finish finish,
                           ActivationKind activation) {
  const at::Tensor in = x.contiguous();
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = weight.width();
  at::Tensor out = at::empty(shape, x.options());
  cpu::multiply({in.const_data_ptr<float>(), weight.in(), in.numel() / weight.in(), weight,
                 out.mutable_data_ptr<float>(), weight.width(), finish, activation},
                at::get_num_threads());
  return out;
}

}  // namespace

bool runs_cpu_kernels(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && !c10::GradMode::is_enabled();
}

at::Tensor apply_linear(const at::Tensor& x, const Linear& linear) {
  const auto like_x = [&](const at::Tensor& w) { return w.defined() ? w.to(x.scalar_type()) : w; };
  return at::linear(x, like_x(linear.weight), like_x(linear.bias));
}

at::Tensor apply_linears(const at::Tensor& x, const std::vector<Linear>& linears) {
  if (linears.size() == 1) return apply_linear(x, linears[0]);
  std::vector<at::Tensor> outputs;
  for (const Linear& linear : linears) outputs.push_back(apply_linear(x, linear));
  return at::cat(outputs, -1);
}

at::Tensor apply_packed(const at::Tensor& x, const cpu::PackedWeight& weight) {
  return multiply_packed(x, weight, cpu::Finish::store, ActivationKind::silu);
}

at::Tensor apply_packed(const at::Tensor& x, const cpu::PackedWeight& weight, ActivationKind activation) {
  return multiply_packed(x, weight, cpu::Finish::activate, activation);
}

at::Tensor normalize(const at::Tensor& x, const Norm& norm, NormKind kind, double eps) {
  if (runs_cpu_kernels(x) && norm.weight.scalar_type() == at::kFloat && norm.weight.dim() == 1) {
    return normalize_on_cpu(x, norm, kind, eps);
  }
  const at::Tensor weight = norm.weight.to(x.scalar_type());
  if (kind == NormKind::rms) return rms_norm(x, weight, eps);
  return at::layer_norm(x, weight.sizes(), weight, norm.bias.to(x.scalar_type()), eps);
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
