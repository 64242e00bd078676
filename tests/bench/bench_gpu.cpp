// Times the GPU path on a random model of a common shape: neurosweep_bench_gpu [--benchmark_filter=...]
//   NEUROSWEEP_BENCH_LAYERS  fewer layers, to try it on a small device (default 28)
//   NEUROSWEEP_BENCH_MODEL   a checkpoint folder whose loading is timed
// Without a device every benchmark says so and is skipped.
#include <cstdlib>
#include <string>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "cluster/collectives.hpp"
#include "framework/intervene/neuron_means.hpp"
#include "framework/measure/effects.hpp"
#include "framework/measure/screen.hpp"
#include "framework/model/device_settings.hpp"
#include "framework/model/generate.hpp"

namespace neurosweep {
namespace {

const at::Device kCuda{at::kCUDA, 0};

bool has_device(benchmark::State& state) {
  if (cuda_device_count() > 0) {
    make_reproducible(kCuda);
    return true;
  }
  state.SkipWithError("no CUDA device is visible here");
  return false;
}

/// The shape of Qwen3-1.7B.
ArchSpec bench_arch() {
  const char* layers = std::getenv("NEUROSWEEP_BENCH_LAYERS");
  ArchSpec arch;
  arch.family = "qwen3";
  arch.D = 2048;
  arch.L = layers ? std::stoll(layers) : 28;
  arch.M = 6144;
  arch.V = 151936;
  arch.H = 16;
  arch.kv_heads = 8;
  arch.head_dim = 128;
  arch.context = 4096;
  arch.qk_norm = true;
  arch.tied_head = true;
  return arch;
}

Weights random_weights(const ArchSpec& arch, at::ScalarType dtype) {
  const auto random = [&](std::int64_t out, std::int64_t in) {
    return at::randn({out, in}, at::TensorOptions(kCuda).dtype(dtype)).mul_(0.02);
  };
  const auto ones = [&](std::int64_t n) { return Norm{at::ones({n}, at::TensorOptions(kCuda).dtype(dtype)), {}}; };
  const std::int64_t q = arch.H * arch.head_dim, kv = arch.kv_heads * arch.head_dim;
  Weights weights;
  weights.embedding = random(arch.V, arch.D);
  for (std::int64_t l = 0; l < arch.L; ++l) {
    LayerWeights layer;
    layer.attention_norm = ones(arch.D);
    layer.mlp_norm = ones(arch.D);
    layer.q_norm = ones(arch.head_dim);
    layer.k_norm = ones(arch.head_dim);
    layer.q = {random(q, arch.D), {}};
    layer.k = {random(kv, arch.D), {}};
    layer.v = {random(kv, arch.D), {}};
    layer.o = {random(arch.D, q), {}};
    layer.gate = {random(arch.M, arch.D), {}};
    layer.up = {random(arch.M, arch.D), {}};
    layer.down = {random(arch.D, arch.M), {}};
    weights.layers.push_back(std::move(layer));
  }
  weights.final_norm = ones(arch.D);
  weights.head = {weights.embedding, {}};
  return weights;
}

Decoder random_decoder(at::ScalarType dtype) {
  const ArchSpec arch = bench_arch();
  return Decoder(arch, random_weights(arch, dtype));
}

ReferenceText reference_of(std::int64_t tokens) {
  ReferenceText text;
  for (std::int64_t t = 0; t < tokens; ++t) text.tokens.push_back((t * 7919) % 100000);
  text.prompt_length = tokens / 4;
  text.answer_begin = tokens - 8;
  return text;
}

/// Exact suppressions on a text of 256 tokens, spread over the layers; items_per_second = interventions a second.
void bench_gpu_sweep(benchmark::State& state) {
  if (!has_device(state)) return;
  const Decoder decoder = random_decoder(state.range(1) != 0 ? at::kBFloat16 : at::kFloat);
  const ReferenceText text = reference_of(256);
  std::vector<SweepArm> arms;
  for (std::int64_t i = 0; i < 512; ++i) {
    arms.push_back({{LayerIndex(i % decoder.arch().L), NeuronIndex(i)}, InterventionKind::zero, 0, Span::all});
  }
  SuffixSweep sweep(decoder, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(measure_effects(sweep, text, arms).reasoning.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(arms.size()));
}
BENCHMARK(bench_gpu_sweep)
    ->ArgNames({"rows", "bf16"})
    ->ArgsProduct({{8, 32, 128}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

/// Sampled generation with the mean of every neuron kept; items_per_second = tokens a second.
void bench_gpu_decode(benchmark::State& state) {
  if (!has_device(state)) return;
  const Decoder decoder = random_decoder(at::kBFloat16);
  const std::int64_t sequences = state.range(0), new_tokens = 64;
  std::vector<GenerationRequest> requests;
  for (std::int64_t s = 0; s < sequences; ++s) {
    requests.push_back({reference_of(128).tokens, static_cast<std::uint64_t>(s), new_tokens});
  }
  for (auto _ : state) {
    NeuronMeans means(decoder.arch());
    benchmark::DoNotOptimize(generate(decoder, requests, {1, 1}, sequences, &means).data());
  }
  state.SetItemsProcessed(state.iterations() * sequences * new_tokens);
}
BENCHMARK(bench_gpu_decode)->ArgName("slots")->Arg(1)->Arg(16)->Arg(128)->Unit(benchmark::kMillisecond);

/// Gradients of every neuron on a text of 256 tokens.
void bench_gpu_screen(benchmark::State& state) {
  if (!has_device(state)) return;
  const Decoder decoder = random_decoder(at::kBFloat16);
  const ReferenceText text = reference_of(256);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        screen_effects(decoder, text, InterventionKind::zero, {}, Span::all, state.range(0)).reasoning.data());
  }
}
BENCHMARK(bench_gpu_screen)->ArgName("steps")->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond);

/// A checkpoint from the page cache onto the device, in its own element type or in f32.
void bench_gpu_load(benchmark::State& state) {
  if (!has_device(state)) return;
  const char* model = std::getenv("NEUROSWEEP_BENCH_MODEL");
  if (!model) return state.SkipWithError("NEUROSWEEP_BENCH_MODEL is not set");
  const auto dtype = state.range(0) != 0 ? at::kBFloat16 : at::kFloat;
  for (auto _ : state) benchmark::DoNotOptimize(load_decoder(model, {dtype, kCuda}).arch().L);
}
BENCHMARK(bench_gpu_load)->ArgName("bf16")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace neurosweep
