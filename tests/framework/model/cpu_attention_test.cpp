#include "framework/model/cpu/attention.hpp"

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

/// Random queries of T tokens of one head, and the keys and values of P + T tokens, the first P of them a prefix.
struct Inputs {
  Inputs(std::int64_t prefix, std::int64_t T_, std::int64_t head_dim_) : P(prefix), T(T_), head_dim(head_dim_) {}

  at::Tensor attend() const {
    cpu::AttentionScratch scratch;
    at::Tensor out = at::full({T, head_dim}, 7.0F);
    cpu::attend({head_dim, T, q.const_data_ptr<float>(), head_dim, segment(0, P, prefix_keys), segment(P, T, own_keys),
                 0, 1, out.mutable_data_ptr<float>(), head_dim},
                scratch);
    return out;
  }

  at::Tensor expected() const {
    const at::Tensor hidden = at::arange(P + T).unsqueeze(0) > at::arange(P, P + T).unsqueeze(1);
    const at::Tensor scores =
        (at::matmul(q, keys().t()) / std::sqrt(static_cast<double>(head_dim))).masked_fill(hidden, -INFINITY);
    return at::matmul(at::softmax(scores, -1), v.narrow(0, 0, P + T));
  }

  at::Tensor keys() const { return k; }

  cpu::KeySegment segment(std::int64_t begin, std::int64_t count, at::Tensor& transposed) const {
    const std::int64_t stride = cpu::round_to_key_block(count);
    transposed = at::full({head_dim, std::max<std::int64_t>(stride, 1)}, NAN);  // blocks may hold anything behind
    cpu::transpose_keys(k.const_data_ptr<float>() + begin * head_dim, head_dim, count, head_dim,
                        transposed.mutable_data_ptr<float>(), stride);
    return {transposed.const_data_ptr<float>(), stride, v.const_data_ptr<float>() + begin * head_dim, head_dim, count};
  }

  at::Generator random = at::detail::createCPUGenerator(5);
  std::int64_t P, T, head_dim;
  at::Tensor q = at::randn({T, head_dim}, random), k = at::randn({P + T, head_dim}, random);
  at::Tensor v = at::randn({P + T + cpu::kKeyBlock, head_dim}, random);  // values are read in whole blocks
  mutable at::Tensor prefix_keys, own_keys;
};

TEST(CpuAttention, EqualsTheFormulaForEveryHeadWidthLengthAndPrefix) {
  for (const std::int64_t head_dim : {1, 6, 24, 64, 128}) {
    for (const std::int64_t T : {1, 31, 32, 33, 70}) {
      for (const std::int64_t P : {0, 1, 32, 45}) {
        const Inputs inputs(P, T, head_dim);

        expect_close(inputs.attend(), inputs.expected(), kSameMath);
      }
    }
  }
}

TEST(CpuAttention, APrefixEqualsTheSameKeysAsOwn) {
  const Inputs whole(0, 50, 24);
  Inputs split(20, 30, 24);
  split.q = whole.q.narrow(0, 20, 30).contiguous();
  split.k = whole.k;
  split.v = whole.v;

  expect_close(split.attend(), whole.attend().narrow(0, 20, 30), kSameMath);
}

TEST(CpuAttention, LargeScoresDoNotOverflow) {
  Inputs inputs(0, 40, 16);
  inputs.q.round_().mul_(256);  // whole numbers: every order of summation gives the same scores, up to thousands
  inputs.k.round_();

  const at::Tensor out = inputs.attend();

  EXPECT_TRUE(at::isfinite(out).all().item<bool>());
  expect_close(out, inputs.expected(), kSameMath);
}

TEST(CpuAttention, HeadsOfOneTokenSeeTheSameKeys) {
  const Inputs inputs(0, 9, 24);
  const cpu::KeySegment own = inputs.segment(0, 9, inputs.own_keys);
  const at::Tensor q = at::randn({3, 24}, inputs.random);
  at::Tensor together = at::empty({3, 24}), alone = at::empty({3, 24});
  cpu::AttentionScratch scratch;

  cpu::attend({24, 3, q.const_data_ptr<float>(), 24, {}, own, 8, 0, together.mutable_data_ptr<float>(), 24}, scratch);
  for (std::int64_t h = 0; h < 3; ++h) {
    cpu::attend(
        {24, 1, q.const_data_ptr<float>() + h * 24, 24, {}, own, 8, 1, alone.mutable_data_ptr<float>() + h * 24, 24},
        scratch);
  }

  expect_same_bits(together, alone);
}

}  // namespace
}  // namespace neurosweep
