#include "framework/model/transfer.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "framework/model/batch.hpp"
#include "framework/model/cpu/simd.hpp"
#include "framework/model/device_settings.hpp"
#include "framework/model/ops.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/memory_budget.hpp"
#include "tests/support/tiny_model.hpp"

namespace neurosweep {
namespace {

TEST(Transfer, ATensorOfTheHostStaysItself) {
  const at::Tensor tokens = padded_tokens({{1, 2, 3}});

  EXPECT_EQ(to_device(tokens, at::kCPU).const_data_ptr(), tokens.const_data_ptr());
  EXPECT_TRUE(to_device(tokens, at::kMeta).is_meta());
}

TEST(Transfer, AWeightIsConvertedAndContiguousAndNotCopiedForNothing) {
  const at::Tensor in_file = at::linspace(-2, 2, 12).view({3, 4}).to(at::kBFloat16);

  const at::Tensor wide = load_weight(in_file.t(), at::kCPU, at::kFloat);

  EXPECT_TRUE(wide.is_contiguous());
  testing::expect_same_bits(wide, in_file.t().to(at::kFloat).contiguous());
  EXPECT_EQ(load_weight(in_file, at::kCPU, at::kBFloat16).const_data_ptr(), in_file.const_data_ptr());
}

TEST(Transfer, ForAnotherDeviceTheHostMakesNoCopyOfAWeight) {
  const at::Tensor in_file = at::zeros({256, 256}, at::kBFloat16);
  const testing::MemoryBudget count;

  const at::Tensor there = load_weight(in_file.t(), at::kMeta, at::kFloat);

  EXPECT_TRUE(there.is_meta());
  EXPECT_TRUE(there.is_contiguous());
  EXPECT_EQ(there.scalar_type(), at::kFloat);
  EXPECT_EQ(count.peak(), 0);
}

TEST(DeviceSettings, OfTheCpuAreLibtorchsOwn) {
  make_reproducible(at::kCPU);
  EXPECT_FALSE(at::globalContext().deterministicAlgorithms());
}

TEST(DeviceSettings, OfAGpuAskForTheSameBitsEachTime) {
  make_reproducible(at::Device(at::kCUDA, 0));

  EXPECT_TRUE(at::globalContext().deterministicAlgorithms());
  EXPECT_TRUE(at::globalContext().deterministicAlgorithmsWarnOnly());
  EXPECT_FALSE(at::globalContext().deterministicFillUninitializedMemory());
  EXPECT_FALSE(at::globalContext().allowTF32CuBLAS());
  EXPECT_STREQ(std::getenv("CUBLAS_WORKSPACE_CONFIG"), ":4096:8");
  at::globalContext().setDeterministicAlgorithms(false, false);
}

TEST(DeviceSettings, NameTheInstructionsOfTheCpu) {
  cpu::use_at_most(cpu::InstructionSet::plain);
  EXPECT_EQ(device_text(at::kCPU), "cpu");
  cpu::use_at_most(cpu::InstructionSet::v4);
  EXPECT_EQ(device_text(at::kCPU).find("cpu"), 0u);
  EXPECT_EQ(device_text(at::Device(at::kCUDA, 1)), "cuda:1");
  EXPECT_EQ(device_text(at::Device(at::kCUDA, 1), "NVIDIA H100"), "cuda:1 NVIDIA H100");
}

TEST(DeviceSettings, TellWhenRanksComputeOnDifferentKinds) {
  const auto log_of = [](const std::vector<std::string>& devices) {
    ::testing::internal::CaptureStderr();
    warn_of_mixed_devices(devices);
    return ::testing::internal::GetCapturedStderr();
  };

  EXPECT_EQ(log_of({"cuda:0", "cuda:1"}), "");
  EXPECT_EQ(log_of({"cpu with AVX2"}), "");
  EXPECT_NE(
      log_of({"cpu with AVX2", "cpu with AVX2", "cpu with AVX-512"}).find("cpu with AVX2 and on cpu with AVX-512"),
      std::string::npos);
}

TEST(DeviceSettings, OfJobsAtOnceMustBeOfOneKind) {
  const auto refusal = [](const std::vector<std::string>& before, const std::vector<std::string>& devices) {
    try {
      need_one_kind_of_device(before, devices);
    } catch (const Error& failure) {
      EXPECT_EQ(failure.kind(), ErrorKind::store);
      return std::string(failure.what());
    }
    return std::string();
  };

  EXPECT_EQ(refusal({}, {"cpu with AVX2"}), "");
  EXPECT_EQ(refusal({"cuda:0 NVIDIA A100", "cuda:1 NVIDIA A100"}, {"cuda:3 NVIDIA A100"}), "");
  const std::string mixed = refusal({"cuda:0 NVIDIA A100"}, {"cuda:0 NVIDIA H100"});
  EXPECT_NE(mixed.find("begun on cuda:0 NVIDIA A100, and this job has cuda:0 NVIDIA H100"), std::string::npos) << mixed;
  EXPECT_NE(mixed.find("--sbatch=--constraint="), std::string::npos) << mixed;
  EXPECT_NE(refusal({}, {"cpu with AVX2", "cpu"}), "");
}

/// In bfloat16 the sum of 4,096 squares would stop at 256, and a position above 256 would not be exact.
TEST(Bfloat16, NormsAndRotationsAreComputedInF32) {
  const at::Tensor x = at::linspace(-3, 3, 4096).view({1, 1, 4096}).to(at::kBFloat16);
  const Norm norm{at::ones({4096}, at::kBFloat16), {}};

  const at::Tensor normed = normalize(x, norm, NormKind::rms, 1e-6);

  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor expected = wide / (wide.square().mean() + 1e-6).sqrt();
  EXPECT_EQ(normed.scalar_type(), at::kBFloat16);
  EXPECT_LE((normed.to(at::kDouble) - expected).abs().max().item<double>(), 0x1p-8);

  const ArchSpec arch = testing::tiny_llama().arch;
  ArchSpec longer = arch;
  longer.context = 1024;
  const RopeTables rope = make_rope_tables(longer, at::kCPU);
  const at::Tensor heads = at::linspace(-1, 1, arch.head_dim).view({1, 1, 1, -1}).to(at::kBFloat16);
  const at::Tensor cos = rope.cos[1001].view({1, 1, 1, -1}), sin = rope.sin[1001].view({1, 1, 1, -1});

  const at::Tensor rotated = rotate(heads, cos, sin);

  EXPECT_EQ(rope.cos.scalar_type(), at::kFloat);
  const at::Tensor exact = rotate(heads.to(at::kDouble), cos.to(at::kDouble), sin.to(at::kDouble));
  EXPECT_LE((rotated.to(at::kDouble) - exact).abs().max().item<double>(), 0x1p-8);
}

}  // namespace
}  // namespace neurosweep
