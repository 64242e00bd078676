#include "framework/model/cpu_kernels.hpp"

#include <vector>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "tests/support/expect_tensor.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using testing::expect_same_bits;
using testing::kSameMath;

/// Random queries, keys and values of B rows of T tokens.
struct Inputs {
  Inputs(std::int64_t B_, std::int64_t T_, std::int64_t kv_heads_, std::int64_t group, std::int64_t head_dim_)
      : B(B_),
        T(T_),
        kv_heads(kv_heads_),
        H(kv_heads_ * group),
        head_dim(head_dim_),
        q(at::randn({B, T, H, head_dim}, random)),
        k(at::randn({B, T, kv_heads, head_dim}, random)),
        v(at::randn({B, T, kv_heads, head_dim}, random)),
        first(static_cast<std::size_t>(B), 0),
        n_tokens(static_cast<std::size_t>(B), T) {}

  at::Tensor attend(int threads) const {
    at::Tensor out = at::full({B, T, H, head_dim}, 7.0F);
    cpu::attend({B, T, H, kv_heads, head_dim, first.data(), n_tokens.data(), q.const_data_ptr<float>(), q.stride(1),
                 k.const_data_ptr<float>(), k.stride(1), cpu::Attention::KeyLayout::by_token, v.const_data_ptr<float>(),
                 v.stride(0), head_dim, v.stride(1), out.mutable_data_ptr<float>()},
                threads);
    return out;
  }

  at::Tensor expected() const {
    const std::int64_t group = H / kv_heads;
    return at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2).repeat_interleave(group, 1),
                                            v.transpose(1, 2).repeat_interleave(group, 1), std::nullopt, 0.0, true)
        .transpose(1, 2);
  }

  at::Generator random = at::detail::createCPUGenerator(5);
  std::int64_t B, T, kv_heads, H, head_dim;
  at::Tensor q, k, v;
  std::vector<std::int64_t> first, n_tokens;
};

TEST(CpuAttention, EqualsTheOperatorForEveryHeadWidthAndLength) {
  for (const std::int64_t head_dim : {1, 6, 8, 24, 40, 64, 128}) {
    for (const std::int64_t T : {1, 31, 32, 33, 70}) {
      const Inputs inputs(2, T, 2, 3, head_dim);

      expect_close(inputs.attend(1), inputs.expected(), kSameMath);
    }
  }
}

TEST(CpuAttention, ThreadsChangeNoBit) {
  const Inputs inputs(4, 100, 2, 2, 40);

  expect_same_bits(inputs.attend(4), inputs.attend(1));
}

TEST(CpuAttention, LargeScoresDoNotOverflow) {
  Inputs inputs(1, 40, 1, 1, 16);
  inputs.q.round_().mul_(256);  // whole numbers: every order of summation gives the same scores, up to thousands
  inputs.k.round_();

  const at::Tensor out = inputs.attend(1);

  EXPECT_TRUE(at::isfinite(out).all().item<bool>());
  expect_close(out, inputs.expected(), kSameMath);
}

TEST(CpuAttention, PaddedQueriesGiveZero) {
  Inputs inputs(3, 5, 1, 2, 8);
  inputs.n_tokens = {5, 2, 0};

  const at::Tensor out = inputs.attend(1);

  expect_same_bits(out[1].narrow(0, 2, 3), at::zeros({3, 2, 8}));
  expect_same_bits(out[2], at::zeros({5, 2, 8}));
  expect_close(out[1].narrow(0, 0, 2), inputs.expected()[1].narrow(0, 0, 2), kSameMath);
}

TEST(CpuRmsNorm, EqualsTheFormulaForOddWidths) {
  const at::Generator random = at::detail::createCPUGenerator(6);
  for (const std::int64_t width : {1, 7, 8, 9, 96}) {
    const at::Tensor x = at::randn({5, width}, random), weight = at::randn({width}, random);
    at::Tensor out = at::empty({5, width});

    cpu::rms_norm(x.const_data_ptr<float>(), width, weight.const_data_ptr<float>(), 1, out.mutable_data_ptr<float>(), 5,
                  width, 1e-6F);

    expect_close(out, x / (x.square().mean(-1, true) + 1e-6).sqrt() * weight, kSameMath);
  }
}

}  // namespace
}  // namespace neurosweep
