// What only a GPU can show of the GPU path. tests/framework/measure/scarce_memory_test.cpp and
// tests/framework/model/transfer_test.cpp test the same code without one.
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/collectives.hpp"
#include "experiments/sweep_job.hpp"
#include "framework/intervene/neuron_means.hpp"
#include "framework/measure/screen.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/device_settings.hpp"
#include "framework/model/generate.hpp"
#include "framework/model/score.hpp"
#include "framework/model/transfer.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using c10::CachingAllocator::Stat;
using c10::CachingAllocator::StatType;
namespace allocator = c10::cuda::CUDACachingAllocator;

constexpr std::int64_t kMiB = 1 << 20;

class GpuPathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device is visible here";
    make_reproducible(cuda_);
  }
  void TearDown() override {
    if (cuda_device_count() > 0) allow_memory(1.0);
  }

  /// Lets this process use a part of the device's memory only; beyond it, allocations really fail.
  static void allow_memory(double share) {
    allocator::emptyCache();
    allocator::setMemoryFraction(share, 0);
  }
  static void allow_bytes(std::int64_t bytes) {
    std::size_t unused = 0, total = 0;
    ASSERT_EQ(cudaMemGetInfo(&unused, &total), cudaSuccess);
    allow_memory(static_cast<double>(bytes) / static_cast<double>(total));
  }
  static std::int64_t held_bytes(std::int64_t Stat::*what) {
    return allocator::getDeviceStats(0).allocated_bytes[static_cast<std::size_t>(StatType::AGGREGATE)].*what;
  }

  const at::Device cuda_{at::kCUDA, 0};
};

/// A random model whose batches take some 100 MiB.
testing::TinyModel wide_model() {
  testing::TinyModel model = testing::tiny_llama();
  const at::Tensor wide = at::randn({30000, model.arch.D}, at::kFloat);
  model.arch.V = wide.size(0);
  model.weights.embedding = wide;
  model.weights.head = {wide.clone(), {}};
  return model;
}

SweepJob wide_job(const ArchSpec& arch) {
  SweepJob job;
  job.prompts.push_back({testing::random_tokens(arch, 16, 1), testing::random_tokens(arch, 24, 2), 3});
  for (int i = 0; i < 48; ++i) {
    job.neurons.push_back({{LayerIndex(i % 3), NeuronIndex(i / 3)}, InterventionKind::set, 0.4F, Span::all});
  }
  return job;
}

TEST_F(GpuPathTest, ASweepThatDoesNotFitGoesOnWithFewerArms) {
  const testing::TinyModel model = wide_model();
  const Decoder decoder = model.decoder(at::kFloat, cuda_);
  const SweepJob job = wide_job(model.arch);
  const JobEffects expected = run_sweep_job(decoder, job, {.rows = 48});

  allow_bytes(held_bytes(&Stat::current) + 60 * kMiB);  // 48 arms have logits of 138 MB
  ::testing::internal::CaptureStderr();
  const JobEffects found = run_sweep_job(decoder, job, {.rows = 48});
  const std::string log = ::testing::internal::GetCapturedStderr();

  EXPECT_THAT(log, ::testing::HasSubstr("does not fit into the memory of cuda:0"));
  for (std::size_t i = 0; i < expected.logprob.size(); ++i) {
    EXPECT_NEAR(found.logprob[i], expected.logprob[i], testing::kSameMath);
  }
}

TEST_F(GpuPathTest, AGenerationThatDoesNotFitGoesOnInFewerSlots) {
  const testing::TinyModel model = wide_model();
  const Decoder decoder = model.decoder(at::kFloat, cuda_);
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 256; ++i) requests.push_back({testing::random_tokens(model.arch, 8, i), i, 4});
  const auto run = [&](std::vector<std::int64_t>& counts) {
    NeuronMeans means(model.arch);
    auto made = generate(decoder, requests, {}, 256, &means);
    for (std::int64_t i = 0; i < 256; ++i) counts.push_back(means.count(i));
    return made;
  };
  std::vector<std::int64_t> counts, counts_again;
  const auto expected = run(counts);

  allow_bytes(held_bytes(&Stat::current) + 40 * kMiB);  // 256 rows of logits are 31 MB, and sampling copies them
  const auto found = run(counts_again);

  EXPECT_EQ(counts_again, counts);
  for (std::size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(found[i].tokens, expected[i].tokens) << i;
}

TEST_F(GpuPathTest, EffectsAndGradientsAreTheSameBitsEachTime) {
  const testing::TinyModel model = testing::tiny_qwen3();
  const Decoder decoder = model.decoder(at::kFloat, cuda_);
  const SweepJob job = wide_job(model.arch);
  const ReferenceText text{testing::random_tokens(model.arch, 14, 5), 6, 12};

  const JobEffects first = run_sweep_job(decoder, job, {.rows = 16});
  const ScreenEffects first_screen = screen_effects(decoder, text, InterventionKind::zero, {}, Span::all, 4);
  for (int k = 0; k < 5; ++k) {
    EXPECT_EQ(run_sweep_job(decoder, job, {.rows = 16}).logprob, first.logprob);
    EXPECT_EQ(screen_effects(decoder, text, InterventionKind::zero, {}, Span::all, 4).reasoning,
              first_screen.reasoning);
  }
}

TEST_F(GpuPathTest, GradientsEqualTheCpu) {
  for (const auto& model : testing::tiny_models()) {
    const ReferenceText text{testing::random_tokens(model.arch, 14, 5), 6, 12};

    const auto cpu = screen_effects(model.decoder(), text, InterventionKind::zero, {}, Span::all, 1);
    const auto gpu = screen_effects(model.decoder(at::kFloat, cuda_), text, InterventionKind::zero, {}, Span::all, 1);

    for (std::size_t i = 0; i < cpu.reasoning.size(); ++i) {
      EXPECT_NEAR(cpu.reasoning[i], gpu.reasoning[i], testing::kGolden) << model.name;
    }
  }
}

TEST_F(GpuPathTest, SamplingAndScoringEqualTheCpu) {
  const auto model = testing::tiny_qwen2();
  const Decoder cpu = model.decoder(), gpu = model.decoder(at::kFloat, cuda_);
  std::vector<GenerationRequest> requests;
  std::vector<ScoreRequest> scored;
  for (std::uint64_t i = 0; i < 6; ++i) {
    requests.push_back({testing::random_tokens(model.arch, 4 + static_cast<std::int64_t>(i), i), i, 12});
    scored.push_back({testing::random_tokens(model.arch, 9 + static_cast<std::int64_t>(i), i), 4, 1});
  }

  const auto made = generate(cpu, requests, {1, 0.9}, 4), made_there = generate(gpu, requests, {1, 0.9}, 4);
  const auto scores = score_tokens(cpu, scored), scores_there = score_tokens(gpu, scored);

  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(made[i].tokens, made_there[i].tokens);
    for (std::size_t t = 0; t < scores[i].logprobs.size(); ++t) {
      EXPECT_NEAR(scores[i].logprobs[t], scores_there[i].logprobs[t], testing::kGolden);
    }
  }
}

TEST_F(GpuPathTest, InBfloat16LogitsAreNearAndActivationsAreBfloat16) {
  const at::NoGradGuard no_grad;
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder(at::kBFloat16, cuda_);
    EXPECT_EQ(decoder.dtype(), at::kBFloat16);
    const auto tokens = padded_tokens({testing::random_tokens(model.arch, 12, 1)});

    const at::Tensor near = decoder.forward(tokens, full_rows(1, 12, 6)).cpu();
    const at::Tensor exact = model.decoder(at::kBFloat16).forward(tokens, full_rows(1, 12, 6));  // f32 arithmetic

    EXPECT_EQ(near.scalar_type(), at::kFloat);
    const double scale = exact.abs().max().item<double>();
    EXPECT_LE((near - exact).abs().max().item<double>(), 0.05 * scale) << model.name;
  }
}

TEST_F(GpuPathTest, TokensGoThroughPinnedMemory) {
  const at::Tensor tokens = at::arange(1000, at::kLong);

  std::vector<at::Tensor> there;
  for (int k = 0; k < 100; ++k) there.push_back(to_device(tokens + k, cuda_));  // the pinned memory is used again

  for (int k = 0; k < 100; ++k) EXPECT_TRUE(there[static_cast<std::size_t>(k)].cpu().equal(tokens + k));
}

TEST_F(GpuPathTest, AWeightTakesTheDeviceItsSizeAndOneMoreWhileItIsConverted) {
  const at::Tensor in_file = at::randn({4096, 1024}).to(at::kBFloat16);  // 8 MiB, 16 in f32
  allocator::emptyCache();
  allocator::resetPeakStats(0);
  const std::int64_t before = held_bytes(&Stat::current);

  const at::Tensor weight = load_weight(in_file, cuda_, at::kFloat);

  EXPECT_TRUE(weight.cpu().equal(in_file.to(at::kFloat)));
  EXPECT_EQ(held_bytes(&Stat::current) - before, 16 * kMiB);
  EXPECT_LE(held_bytes(&Stat::peak) - before, 24 * kMiB);
}

}  // namespace
}  // namespace neurosweep
