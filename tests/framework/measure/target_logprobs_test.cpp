#include "framework/measure/target_logprobs.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "tests/support/expect_tensor.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

TEST(TargetLogprobs, EqualTheLogSoftmaxForOddVocabularies) {
  const at::Generator random = at::detail::createCPUGenerator(3);
  for (const std::int64_t V : {1, 15, 16, 17, 1000}) {
    const at::Tensor logits = at::randn({4, 3, V}, random) * 5;
    const at::Tensor targets = at::randint(0, V, {3}, random, at::TensorOptions(at::kLong));

    const at::Tensor slow =
        at::log_softmax(logits.to(at::kDouble), -1).gather(-1, targets.view({1, 3, 1}).expand({4, 3, 1})).squeeze(-1);

    testing::expect_close(target_logprobs(logits, targets), slow, testing::kSameMath);
  }
}

TEST(TargetLogprobs, LargeLogitsStayFinite) {
  const at::Tensor logits = at::tensor({3e4F, -3e4F, 0.0F}).view({1, 3});

  const at::Tensor found = target_logprobs(logits, at::tensor({1}, at::kLong));

  EXPECT_EQ(found.item<double>(), -6e4);
}

}  // namespace
}  // namespace neurosweep
