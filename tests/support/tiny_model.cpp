#include "tests/support/tiny_model.hpp"

#include <cmath>
#include <random>

#include <ATen/ATen.h>

namespace neurosweep::testing {
namespace {

/// Normal numbers with a standard deviation, from a seeded stream of the test's own.
class RandomTensors {
 public:
  explicit RandomTensors(std::uint64_t seed) : bits_(seed) {}

  at::Tensor make(std::vector<std::int64_t> shape, double scale, double centre = 0) {
    at::Tensor result = at::empty(shape, at::kFloat);
    std::normal_distribution<double> normal(centre, scale);
    auto* out = result.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < result.numel(); ++i) out[i] = static_cast<float>(normal(bits_));
    return result;
  }

 private:
  std::mt19937_64 bits_;
};

struct BiasChoice {
  double qkv = 0, others = 0;  ///< standard deviations; 0: no bias
};

class WeightMaker {
 public:
  WeightMaker(const ArchSpec& arch, BiasChoice bias, std::uint64_t seed) : arch_(arch), bias_(bias), random_(seed) {}

  Weights make() {
    Weights weights;
    weights.embedding = random_.make({arch_.V, arch_.D}, 0.5);
    if (arch_.position == PositionKind::learned) weights.positions = random_.make({arch_.context, arch_.D}, 0.5);
    for (std::int64_t layer = 0; layer < arch_.L; ++layer) weights.layers.push_back(make_layer());
    weights.final_norm = norm(arch_.D);
    weights.head = arch_.tied_head ? Linear{weights.embedding, {}} : linear(arch_.V, arch_.D, 0);
    return weights;
  }

 private:
  Linear linear(std::int64_t out, std::int64_t in, double bias) {
    const double scale = 1.0 / std::sqrt(static_cast<double>(in));
    return {random_.make({out, in}, scale), bias > 0 ? random_.make({out}, bias) : at::Tensor()};
  }

  Norm norm(std::int64_t width) {
    return {random_.make({width}, 0.2, 1.0), arch_.norm == NormKind::layer ? random_.make({width}, 0.2) : at::Tensor()};
  }

  LayerWeights make_layer() {
    LayerWeights layer;
    layer.attention_norm = norm(arch_.D);
    layer.mlp_norm = norm(arch_.D);
    layer.q = linear(arch_.H * arch_.head_dim, arch_.D, bias_.qkv);
    layer.k = linear(arch_.kv_heads * arch_.head_dim, arch_.D, bias_.qkv);
    layer.v = linear(arch_.kv_heads * arch_.head_dim, arch_.D, bias_.qkv);
    layer.o = linear(arch_.D, arch_.H * arch_.head_dim, bias_.others);
    if (arch_.qk_norm) {
      layer.q_norm = norm(arch_.head_dim);
      layer.k_norm = norm(arch_.head_dim);
    }
    if (arch_.gated_mlp) layer.gate = linear(arch_.M, arch_.D, bias_.others);
    layer.up = linear(arch_.M, arch_.D, bias_.others);
    layer.down = linear(arch_.D, arch_.M, bias_.others);
    return layer;
  }

  ArchSpec arch_;
  BiasChoice bias_;
  RandomTensors random_;
};

ArchSpec small_arch(const char* family) {
  ArchSpec arch;
  arch.family = family;
  arch.D = 16;
  arch.L = 3;
  arch.M = 24;
  arch.V = 29;
  arch.H = 4;
  arch.kv_heads = 2;
  arch.head_dim = 6;
  arch.context = 48;
  return arch;
}

TinyModel model(ArchSpec arch, BiasChoice bias, std::uint64_t seed) {
  Weights weights = WeightMaker(arch, bias, seed).make();
  return {arch.family, arch, std::move(weights)};
}

void convert(at::Tensor& tensor, at::ScalarType dtype, at::Device device) {
  if (tensor.defined()) tensor = tensor.to(device, dtype);
}

}  // namespace

Decoder TinyModel::decoder(at::ScalarType dtype, at::Device device) const {
  Weights copy = weights;
  std::vector<at::Tensor*> all = {&copy.embedding, &copy.positions, &copy.final_norm.weight, &copy.final_norm.bias,
                                  &copy.head.weight};
  for (auto& layer : copy.layers) {
    for (auto* norm : {&layer.attention_norm, &layer.mlp_norm, &layer.q_norm, &layer.k_norm}) {
      all.insert(all.end(), {&norm->weight, &norm->bias});
    }
    for (auto* linear : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      all.insert(all.end(), {&linear->weight, &linear->bias});
    }
  }
  for (auto* tensor : all) convert(*tensor, dtype, device);
  return Decoder(arch, std::move(copy));
}

TinyModel tiny_llama() {
  ArchSpec arch = small_arch("llama");
  arch.rope = {.theta = 1000.0,
               .scaling = RopeScaling::llama3,
               .factor = 4.0,
               .low_freq_factor = 1.0,
               .high_freq_factor = 4.0,
               .original_context = 64};
  return model(arch, {}, 1);
}

TinyModel tiny_qwen2() {
  ArchSpec arch = small_arch("qwen2");
  arch.tied_head = true;
  return model(arch, {.qkv = 0.5, .others = 0}, 2);
}

TinyModel tiny_qwen3() {
  ArchSpec arch = small_arch("qwen3");
  arch.qk_norm = true;
  arch.rope.scaling = RopeScaling::linear;
  arch.rope.factor = 2.0;
  return model(arch, {}, 3);
}

TinyModel tiny_gpt2() {
  ArchSpec arch = small_arch("gpt2");
  arch.kv_heads = arch.H;
  arch.head_dim = 4;
  arch.norm = NormKind::layer;
  arch.norm_eps = 1e-5;
  arch.activation = ActivationKind::gelu_tanh;
  arch.position = PositionKind::learned;
  arch.gated_mlp = false;
  arch.tied_head = true;
  return model(arch, {.qkv = 0.3, .others = 0.3}, 4);
}

std::vector<TinyModel> tiny_models() {
  return {tiny_llama(), tiny_qwen2(), tiny_qwen3(), tiny_gpt2()};
}

std::vector<std::int64_t> random_tokens(const ArchSpec& arch, std::int64_t T, std::uint64_t seed) {
  std::mt19937_64 bits(seed);
  std::vector<std::int64_t> tokens;
  for (std::int64_t t = 0; t < T; ++t)
    tokens.push_back(static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(arch.V)));
  return tokens;
}

}  // namespace neurosweep::testing
