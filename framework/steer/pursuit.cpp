#include "framework/steer/pursuit.hpp"

#include <algorithm>

#include <ATen/ATen.h>

namespace neurosweep {

Pursuit pursue(const at::Tensor& target, const at::Tensor& columns, std::int64_t most) {
  constexpr double kNothingLeft = 1e-9, kSteady = 1e-10;
  const at::Tensor y = target.to(at::kCPU, at::kDouble), w = columns.to(at::kCPU, at::kDouble);
  const at::Tensor lengths = w.norm(2, {0}).clamp_min(1e-300);
  const double size = y.norm().item<double>();
  most = std::min({most, w.size(1), std::max<std::int64_t>(1, w.size(0) / 2)});
  Pursuit found;
  at::Tensor left = y, weights, sum = at::zeros_like(y);
  at::Tensor is_free = at::ones({w.size(1)}, y.options());
  while (std::ssize(found.columns) < most && left.norm().item<double>() > kNothingLeft * size) {
    const at::Tensor along = w.t().matmul(left).div(lengths).abs().mul(is_free);
    found.columns.push_back(along.argmax().item<std::int64_t>());
    is_free[found.columns.back()] = 0;
    const at::Tensor chosen = w.index_select(1, at::tensor(found.columns, at::kLong));
    at::Tensor square = chosen.t().matmul(chosen);
    square.diagonal().mul_(1 + kSteady);
    weights = at::linalg_solve(square, chosen.t().matmul(y));
    sum = chosen.matmul(weights);
    left = y.sub(sum);
  }
  for (std::size_t i = 0; i < found.columns.size(); ++i) {
    found.weights.push_back(weights[static_cast<std::int64_t>(i)].item<double>());
  }
  const double reached = sum.norm().item<double>();
  if (reached > 0 && size > 0) found.cosine = sum.dot(y).item<double>() / (reached * size);
  return found;
}

}  // namespace neurosweep
