#include "framework/measure/target_logprobs.hpp"

#include <vector>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/cpu/rows.hpp"

namespace neurosweep {

namespace {

at::Tensor on_cpu(const at::Tensor& logits, const at::Tensor& targets) {
  const std::int64_t S = logits.size(-2), V = logits.size(-1), rows = logits.numel() / V;
  std::vector<std::int64_t> shape = logits.sizes().vec();
  shape.pop_back();
  at::Tensor out = at::empty(shape, at::kDouble);
  std::vector<double> sums(static_cast<std::size_t>(rows));
  const auto* x = logits.const_data_ptr<float>();
  cpu::log_sum_exp(x, V, rows, sums.data());
  const at::Tensor dense = targets.contiguous();
  const auto* target = dense.const_data_ptr<std::int64_t>();
  auto* to = out.mutable_data_ptr<double>();
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t column = target[r % S];
    ensure(0 <= column && column < V, "a target outside the vocabulary");
    to[r] = static_cast<double>(x[r * V + column]) - sums[static_cast<std::size_t>(r)];
  }
  return out;
}

}  // namespace

at::Tensor target_logprobs(const at::Tensor& logits, const at::Tensor& targets) {
  if (logits.is_cpu() && logits.scalar_type() == at::kFloat) return on_cpu(logits.contiguous(), targets);
  std::vector<std::int64_t> shape = logits.sizes().vec();
  shape.back() = 1;
  const at::Tensor index = targets.unsqueeze(-1).expand(shape);
  return at::log_softmax(logits, -1).gather(-1, index).squeeze(-1).to(at::kCPU, at::kDouble);
}

}  // namespace neurosweep
