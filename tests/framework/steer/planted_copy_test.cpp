// A model and a copy that computes the same by other neurons, heads and residual coordinates: maps find them again.
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <random>

#include <ATen/ATen.h>

#include "framework/measure/aligned_samples.hpp"
#include "framework/model/batch.hpp"
#include "framework/rank/assignment.hpp"
#include "framework/steer/transfer_map.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using testing::TinyModel;

std::vector<std::int64_t> random_permutation(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 bits(seed);
  std::shuffle(order.begin(), order.end(), bits);
  return order;
}

at::Tensor picked(const at::Tensor& x, std::int64_t dimension, const std::vector<std::int64_t>& order) {
  return x.defined() ? x.index_select(dimension, at::tensor(order, at::kLong)).contiguous() : x;
}

struct PlantedCopy {
  TinyModel model;
  std::vector<std::vector<std::int64_t>> neurons;  ///< [L][M]: neuron i of the copy is this one of the original
  std::vector<std::int64_t> residual;              ///< [D] likewise
};

// Turns values by a rotation within each key-value head, and turns them back on the way out.
void rotate_heads(LayerWeights& layer, const ArchSpec& arch, std::uint64_t seed) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal;
  const std::int64_t group = arch.H / arch.kv_heads, width = arch.head_dim;
  for (std::int64_t head = 0; head < arch.kv_heads; ++head) {
    at::Tensor noise = at::empty({width, width}, at::kDouble);
    for (std::int64_t i = 0; i < noise.numel(); ++i) noise.mutable_data_ptr<double>()[i] = normal(bits);
    const at::Tensor rotation = std::get<0>(at::linalg_qr(noise)).to(at::kFloat);
    at::Tensor v = layer.v.weight.narrow(0, head * width, width);
    v.copy_(rotation.matmul(v));
    if (layer.v.bias.defined()) {
      at::Tensor bias = layer.v.bias.narrow(0, head * width, width);
      bias.copy_(rotation.matmul(bias));
    }
    for (std::int64_t query = head * group; query < (head + 1) * group; ++query) {
      at::Tensor o = layer.o.weight.narrow(1, query * width, width);
      o.copy_(o.matmul(rotation.t()));
    }
  }
}

void clone_all(Weights& weights) {
  const auto clone = [](at::Tensor& x) {
    if (x.defined()) x = x.clone();
  };
  for (LayerWeights& layer : weights.layers) {
    for (Linear* linear : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      clone(linear->weight);
      clone(linear->bias);
    }
  }
}

// The residual stream in another order, and the neurons of each layer in another one, half of them with their sign
// turned (up and down together); heads rotated.
PlantedCopy plant_copy(const TinyModel& original) {
  PlantedCopy copy{original, {}, random_permutation(original.arch.D, 99)};
  Weights& weights = copy.model.weights;
  const auto& residual = copy.residual;
  clone_all(weights);
  weights.embedding = picked(weights.embedding, 1, residual);
  weights.positions = picked(weights.positions, 1, residual);
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    LayerWeights& layer = weights.layers[l];
    rotate_heads(layer, original.arch, l);
    const auto& neurons = copy.neurons.emplace_back(random_permutation(original.arch.M, l));
    for (Norm* norm : {&layer.attention_norm, &layer.mlp_norm}) {
      norm->weight = picked(norm->weight, 0, residual);
      norm->bias = picked(norm->bias, 0, residual);
    }
    for (Linear* in : {&layer.q, &layer.k, &layer.v}) in->weight = picked(in->weight, 1, residual);
    for (Linear* in : {&layer.gate, &layer.up}) {
      in->weight = picked(picked(in->weight, 0, neurons), in->weight.defined() ? 1 : 0, residual);
      in->bias = picked(in->bias, 0, neurons);
    }
    layer.o.weight = picked(layer.o.weight, 0, residual);
    layer.o.bias = picked(layer.o.bias, 0, residual);
    layer.down.weight = picked(picked(layer.down.weight, 1, neurons), 0, residual);
    layer.down.bias = picked(layer.down.bias, 0, residual);
    if (!original.arch.gated_mlp) continue;
    const std::int64_t half = original.arch.M / 2;
    layer.up.weight.narrow(0, 0, half).neg_();
    layer.down.weight.narrow(1, 0, half).neg_();
  }
  weights.final_norm.weight = picked(weights.final_norm.weight, 0, residual);
  weights.final_norm.bias = picked(weights.final_norm.bias, 0, residual);
  weights.head.weight = original.arch.tied_head ? weights.embedding : picked(weights.head.weight, 1, residual);
  return copy;
}

std::vector<ObservedText> random_texts(const ArchSpec& arch) {
  std::vector<ObservedText> texts;
  for (std::uint64_t i = 0; i < 30; ++i) {
    ObservedText text{testing::random_tokens(arch, 20, i), {}};
    for (std::int64_t t = 0; t < 20; ++t) text.at.push_back(t);
    texts.push_back(std::move(text));
  }
  return texts;
}

PairedSamples paired(const at::Tensor& a, const at::Tensor& b) {
  const std::int64_t n = a.size(0) * 3 / 4, m = a.size(0) - n;
  return {a.narrow(0, 0, n), b.narrow(0, 0, n), a.narrow(0, n, m), b.narrow(0, n, m)};
}

std::vector<LayerIndex> all_layers(const ArchSpec& arch) {
  std::vector<LayerIndex> layers;
  for (std::int64_t l = 0; l < arch.L; ++l) layers.push_back(static_cast<LayerIndex>(l));
  return layers;
}

class PlantedCopyTest : public ::testing::TestWithParam<TinyModel> {
 protected:
  const TinyModel& original() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Families, PlantedCopyTest, ::testing::ValuesIn(testing::tiny_models()),
                         [](const auto& each) { return each.param.name; });

TEST_P(PlantedCopyTest, ComputesTheSame) {
  const PlantedCopy copy = plant_copy(original());
  const auto tokens = padded_tokens({testing::random_tokens(original().arch, 20, 3)});
  const BatchRows rows = full_rows(1, 20, 20);

  expect_close(copy.model.decoder().forward(tokens, rows), original().decoder().forward(tokens, rows),
               testing::kSlowTwin);
}

TEST_P(PlantedCopyTest, GivesAwayItsPermutationToMatching) {
  const PlantedCopy copy = plant_copy(original());
  const ArchSpec& arch = original().arch;
  const auto layers = all_layers(arch);
  const auto texts = random_texts(arch);
  const auto a = read_samples(original().decoder(), texts, layers, SampleKind::token);
  const auto b = read_samples(copy.model.decoder(), texts, layers, SampleKind::token);

  for (const LayerIndex layer : layers) {
    const TopCorrelations top = top_correlations(paired(a.at(layer).neurons, b.at(layer).neurons), 8);
    std::vector<MatchEdge> edges;
    for (std::int64_t i = 0; i < arch.M; ++i) {
      for (std::int64_t k = 0; k < top.to.size(1); ++k) {
        edges.push_back({i, top.to[i][k].item<std::int64_t>(), std::abs(top.fit[i][k].item<double>())});
      }
    }
    const auto partners = best_matching(edges, arch.M, arch.M);

    std::int64_t recovered = 0;
    const auto& planted = copy.neurons[static_cast<std::size_t>(to_int(layer))];
    for (std::int64_t j = 0; j < arch.M; ++j) {
      recovered += partners[static_cast<std::size_t>(planted[static_cast<std::size_t>(j)])] == j ? 1 : 0;
    }
    EXPECT_GE(static_cast<double>(recovered), 0.99 * static_cast<double>(arch.M)) << "layer " << to_int(layer);
    EXPECT_GT(top.fit.abs().select(1, 0).min().item<double>(), 0.9999);
  }
}

TEST_P(PlantedCopyTest, GivesAwayItsRotationToProcrustes) {
  const PlantedCopy copy = plant_copy(original());
  const ArchSpec& arch = original().arch;
  const auto layers = all_layers(arch);
  const auto texts = random_texts(arch);
  const auto a = read_samples(original().decoder(), texts, layers, SampleKind::token);
  const auto b = read_samples(copy.model.decoder(), texts, layers, SampleKind::token);
  const at::Tensor planted =
      at::eye(arch.D, at::kDouble).index_select(1, at::tensor(copy.residual, at::kLong)).contiguous();

  for (const LayerIndex layer : layers) {
    const PairedSamples samples = paired(a.at(layer).residual, b.at(layer).residual);

    expect_close(fit_procrustes(samples).matrix, planted, 1e-3);
    expect_close(fit_ridge(samples, 1e-9).matrix, planted, 1e-3);
  }
}

}  // namespace
}  // namespace neurosweep
