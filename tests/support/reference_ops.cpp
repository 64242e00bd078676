#include "tests/support/reference_ops.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace neurosweep::testing {
namespace {

using Vector = std::vector<double>;

double at1(const at::Tensor& tensor, std::int64_t i) {
  return tensor.const_data_ptr<float>()[i];
}

Vector row_of(const at::Tensor& matrix, std::int64_t row) {
  Vector result;
  for (std::int64_t i = 0; i < matrix.size(1); ++i) result.push_back(at1(matrix, row * matrix.size(1) + i));
  return result;
}

Vector multiply(const Linear& linear, const Vector& x) {
  Vector y;
  for (std::int64_t o = 0; o < linear.weight.size(0); ++o) {
    double sum = linear.bias.defined() ? at1(linear.bias, o) : 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum += at1(linear.weight, o * linear.weight.size(1) + static_cast<std::int64_t>(i)) * x[i];
    }
    y.push_back(sum);
  }
  return y;
}

Vector normalise(const Norm& norm, NormKind kind, double eps, const Vector& x) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  if (kind == NormKind::layer) {
    for (const double v : x) mean += v / n;
  }
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  Vector y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const double shift = norm.bias.defined() ? at1(norm.bias, index) : 0.0;
    y.push_back((x[i] - mean) / std::sqrt(variance + eps) * at1(norm.weight, index) + shift);
  }
  return y;
}

double act(ActivationKind kind, double x) {
  switch (kind) {
    case ActivationKind::silu:
      return x / (1 + std::exp(-x));
    case ActivationKind::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case ActivationKind::gelu:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case ActivationKind::relu:
      return std::max(x, 0.0);
  }
  return x;
}

double frequency(const ArchSpec& arch, std::int64_t pair) {
  const RopeSpec& rope = arch.rope;
  const double plain = std::pow(rope.theta, -2.0 * static_cast<double>(pair) / static_cast<double>(arch.head_dim));
  if (rope.scaling == RopeScaling::none) return plain;
  if (rope.scaling == RopeScaling::linear) return plain / rope.factor;
  const double turns = static_cast<double>(rope.original_context) * plain / (2 * std::numbers::pi);
  const double keep =
      std::clamp((turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor), 0.0, 1.0);
  return keep * plain + (1 - keep) * plain / rope.factor;
}

/// One head at one position: norm over the head where the model has one, then rotation.
Vector prepare_head(const ArchSpec& arch, const Vector& all, std::int64_t head, const Norm& norm,
                    std::int64_t position) {
  const auto begin = all.begin() + head * arch.head_dim;
  Vector x(begin, begin + arch.head_dim);
  if (arch.qk_norm) x = normalise(norm, NormKind::rms, arch.norm_eps, x);
  if (arch.position != PositionKind::rope) return x;
  const auto half = static_cast<std::size_t>(arch.head_dim / 2);
  Vector y(x.size());
  for (std::size_t i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position) * frequency(arch, static_cast<std::int64_t>(i));
    y[i] = x[i] * std::cos(angle) - x[i + half] * std::sin(angle);
    y[i + half] = x[i + half] * std::cos(angle) + x[i] * std::sin(angle);
  }
  return y;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Softmax-weighted sum of the values of positions 0..t.
Vector attend_head(const Vector& query, const Rows& keys, const Rows& values, std::size_t t) {
  Vector weights;
  double total = 0;
  for (std::size_t s = 0; s <= t; ++s) {
    weights.push_back(std::exp(dot(query, keys[s]) / std::sqrt(static_cast<double>(query.size()))));
    total += weights.back();
  }
  Vector result(query.size(), 0.0);
  for (std::size_t s = 0; s <= t; ++s) {
    for (std::size_t i = 0; i < result.size(); ++i) result[i] += weights[s] / total * values[s][i];
  }
  return result;
}

Rows attention(const ArchSpec& arch, const LayerWeights& weights, const Rows& x) {
  Rows q, k, v;
  for (const auto& row : x) {
    q.push_back(multiply(weights.q, row));
    k.push_back(multiply(weights.k, row));
    v.push_back(multiply(weights.v, row));
  }
  Rows out(x.size());
  for (std::int64_t head = 0; head < arch.H; ++head) {
    const std::int64_t kv_head = head / (arch.H / arch.kv_heads);
    Rows keys, values;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const auto position = static_cast<std::int64_t>(t);
      keys.push_back(prepare_head(arch, k[t], kv_head, weights.k_norm, position));
      const auto begin = v[t].begin() + kv_head * arch.head_dim;
      values.emplace_back(begin, begin + arch.head_dim);
      const Vector query = prepare_head(arch, q[t], head, weights.q_norm, position);
      const Vector result = attend_head(query, keys, values, t);
      out[t].insert(out[t].end(), result.begin(), result.end());
    }
  }
  for (auto& row : out) row = multiply(weights.o, row);
  return out;
}

Vector neurons(const ArchSpec& arch, const LayerWeights& weights, const Vector& x) {
  Vector up = multiply(weights.up, x);
  if (!arch.gated_mlp) {
    for (auto& value : up) value = act(arch.activation, value);
    return up;
  }
  const Vector gate = multiply(weights.gate, x);
  for (std::size_t i = 0; i < up.size(); ++i) up[i] *= act(arch.activation, gate[i]);
  return up;
}

void add(Vector& x, const Vector& y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

}  // namespace

ReferenceRun reference_forward(const ArchSpec& arch, const Weights& weights, const std::vector<std::int64_t>& tokens,
                               const NeuronEdit& edit) {
  ReferenceRun run;
  Rows x;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    x.push_back(row_of(weights.embedding, tokens[t]));
    if (weights.positions.defined()) add(x.back(), row_of(weights.positions, static_cast<std::int64_t>(t)));
  }
  for (std::int64_t l = 0; l < arch.L; ++l) {
    const LayerWeights& layer = weights.layers[static_cast<std::size_t>(l)];
    Rows normed;
    for (const auto& row : x) normed.push_back(normalise(layer.attention_norm, arch.norm, arch.norm_eps, row));
    const Rows attended = attention(arch, layer, normed);
    Rows neuron;
    for (std::size_t t = 0; t < x.size(); ++t) {
      add(x[t], attended[t]);
      neuron.push_back(neurons(arch, layer, normalise(layer.mlp_norm, arch.norm, arch.norm_eps, x[t])));
      if (edit) edit(l, static_cast<std::int64_t>(t), neuron.back());
      add(x[t], multiply(layer.down, neuron.back()));
    }
    run.neuron.push_back(neuron);
    run.residual.push_back(x);
  }
  for (const auto& row : x) {
    run.logits.push_back(multiply(weights.head, normalise(weights.final_norm, arch.norm, arch.norm_eps, row)));
  }
  return run;
}

}  // namespace neurosweep::testing
