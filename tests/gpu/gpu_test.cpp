#include <cuda_runtime_api.h>

#include <set>
#include <string>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "cluster/collectives.hpp"
#include "experiments/sweep_job.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/generate.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device is visible here";
  }
  const at::Device cuda_{at::kCUDA, 0};
};

TEST_F(GpuTest, EveryDeviceHasAnIdentityOfItsOwn) {
  std::set<std::string> identities;
  for (int device = 0; device < cuda_device_count(); ++device) identities.insert(cuda_device_identity(device));

  EXPECT_EQ(identities.size(), static_cast<std::size_t>(cuda_device_count()));
  for (const std::string& identity : identities) EXPECT_EQ(identity.size(), 4u + 36u) << identity;
  EXPECT_NE(cuda_device_name(0), "");
}

TEST_F(GpuTest, LogitsEqualTheCpu) {
  const at::NoGradGuard no_grad;
  for (const auto& model : testing::tiny_models()) {
    const auto tokens = padded_tokens({testing::random_tokens(model.arch, 12, 1)});

    const at::Tensor cpu = model.decoder().forward(tokens, full_rows(1, 12, 6));
    const at::Tensor gpu = model.decoder(at::kFloat, cuda_).forward(tokens, full_rows(1, 12, 6)).cpu();

    EXPECT_LE((cpu - gpu).abs().max().item<double>(), testing::kGolden) << model.name;
  }
}

TEST_F(GpuTest, GreedyGenerationEqualsTheCpu) {
  const auto model = testing::tiny_llama();
  const std::vector<GenerationRequest> requests = {{testing::random_tokens(model.arch, 5, 1), 0, 12},
                                                   {testing::random_tokens(model.arch, 9, 2), 0, 12},
                                                   {testing::random_tokens(model.arch, 3, 3), 0, 12}};

  const auto cpu = generate(model.decoder(), requests, {}, 2);
  const auto gpu = generate(model.decoder(at::kFloat, cuda_), requests, {}, 2);

  for (std::size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(cpu[i].tokens, gpu[i].tokens);
}

TEST_F(GpuTest, SweepEffectsEqualTheCpu) {
  const auto model = testing::tiny_qwen3();
  SweepJob job;
  job.prompts.push_back({testing::random_tokens(model.arch, 6, 1), testing::random_tokens(model.arch, 2, 2), 3});
  for (int i = 0; i < 6; ++i) {
    job.neurons.push_back({{LayerIndex(i % 2), NeuronIndex(i)}, InterventionKind::set, 0.4f, Span::all});
  }

  const JobEffects cpu = run_sweep_job(model.decoder(), job, {.rows = 4});
  const JobEffects gpu = run_sweep_job(model.decoder(at::kFloat, cuda_), job, {.rows = 4});

  for (std::size_t i = 0; i < cpu.logprob.size(); ++i) EXPECT_NEAR(cpu.logprob[i], gpu.logprob[i], testing::kGolden);
}

TEST_F(GpuTest, NcclSumsInDeviceMemory) {
  const auto collectives = make_nccl_collectives(Comm::self_only(), 0);
  const at::Tensor data = at::full({1000}, 2.5, at::TensorOptions(cuda_));

  collectives->all_reduce_sum(data.data_ptr<float>(), 1000);

  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_TRUE(data.cpu().eq(2.5).all().item<bool>());
}

}  // namespace
}  // namespace neurosweep
