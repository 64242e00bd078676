#include "tests/support/expect_tensor.hpp"

#include <cstring>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace neurosweep::testing {

void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  if (actual.numel() == 0) return;
  const at::Tensor difference = (actual.to(at::kCPU, at::kDouble) - expected.to(at::kCPU, at::kDouble)).abs();
  EXPECT_LE(difference.max().item<double>(), tolerance) << "at flat index " << difference.argmax().item<std::int64_t>();
}

void expect_same_bits(const at::Tensor& actual, const at::Tensor& expected) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  ASSERT_EQ(actual.scalar_type(), expected.scalar_type());
  const at::Tensor a = actual.cpu().contiguous(), b = expected.cpu().contiguous();
  EXPECT_EQ(std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()), 0);
}

at::Tensor tensor_of(const Rows& rows) {
  const auto height = static_cast<std::int64_t>(rows.size());
  const auto width = rows.empty() ? 0 : static_cast<std::int64_t>(rows.front().size());
  at::Tensor result = at::empty({height, width}, at::kFloat);
  auto* out = result.mutable_data_ptr<float>();
  for (const auto& row : rows) {
    for (const double value : row) *out++ = static_cast<float>(value);
  }
  return result;
}

}  // namespace neurosweep::testing
