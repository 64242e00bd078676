#include "framework/steer/logistic_probe.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "framework/base/error.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

namespace {

constexpr int kIterations = 400;
constexpr int kPowerIterations = 30;

/// Largest eigenvalue of z^T z / n, a little above: the cross-entropy's curvature is at most a quarter of it.
double largest_eigenvalue(const at::Tensor& z) {
  at::Tensor v = at::ones({z.size(1)}, z.options()).div_(std::sqrt(static_cast<double>(z.size(1))));
  double value = 0;
  for (int i = 0; i < kPowerIterations; ++i) {
    const at::Tensor next = at::matmul(z.t(), at::matmul(z, v)).div_(static_cast<double>(z.size(0)));
    value = next.norm().item<double>();
    if (value == 0) return 1;
    v = next.div(value);
  }
  return 1.1 * value;
}

}  // namespace

std::vector<double> LogisticProbe::logits(const at::Tensor& x) const {
  const c10::NoGradGuard no_grad;
  return to_doubles(at::matmul(x.to(at::kDouble).sub(center).div_(scale), weights).add_(intercept));
}

double cross_entropy(const std::vector<double>& logits, const std::vector<double>& failed) {
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    sum += std::max(logits[i], 0.0) + std::log1p(std::exp(-std::abs(logits[i]))) - failed[i] * logits[i];
  }
  return sum / static_cast<double>(logits.size());
}

LogisticProbe fit_logistic(const at::Tensor& x, const std::vector<double>& failed, const LogisticPenalty& penalty) {
  if (failed.empty() || x.dim() != 2 || x.size(0) != static_cast<std::int64_t>(failed.size())) {
    throw input_error("{} outcomes for features of shape [{}]: expected one an item, at least one", failed.size(),
                      fmt::join(x.sizes(), ", "));
  }
  const c10::NoGradGuard no_grad;
  LogisticProbe probe;
  const at::Tensor raw = x.to(at::kDouble);
  probe.center = raw.mean(0);
  const at::Tensor deviation = raw.sub(probe.center).square().mean(0).sqrt();
  probe.scale = at::where(deviation > 1e-9, deviation, at::ones_like(deviation));
  const at::Tensor z = raw.sub(probe.center).div_(probe.scale), y = at::tensor(failed, at::kDouble);
  const double step = 1 / (0.25 * (largest_eigenvalue(z) + 1) + penalty.l2);
  const double shrink = penalty.l1 * step;
  const at::Tensor l2 = penalty.l2_factors.empty() ? at::full({z.size(1)}, penalty.l2, z.options())
                                                   : at::tensor(penalty.l2_factors, at::kDouble).mul_(penalty.l2);

  at::Tensor w = at::zeros({z.size(1)}, z.options()), ahead = w.clone();
  double b = 0, ahead_b = 0, momentum = 1;
  for (int i = 0; i < kIterations; ++i) {
    const at::Tensor residual = at::matmul(z, ahead).add_(ahead_b).sigmoid_().sub_(y);
    const at::Tensor gradient = at::matmul(z.t(), residual).div_(static_cast<double>(z.size(0))).add_(ahead * l2);
    const at::Tensor moved = ahead.sub(gradient, step);
    const at::Tensor next = moved.sign().mul_(moved.abs().sub_(shrink).clamp_min_(0));
    const double next_b = ahead_b - step * residual.mean().item<double>();
    const double next_momentum = (1 + std::sqrt(1 + 4 * momentum * momentum)) / 2;
    const double push = (momentum - 1) / next_momentum;
    ahead = next.add(next.sub(w), push);
    ahead_b = next_b + push * (next_b - b);
    w = next;
    b = next_b;
    momentum = next_momentum;
  }
  probe.weights = w;
  probe.intercept = b;
  probe.train_loss = cross_entropy(probe.logits(x), failed);
  return probe;
}

}  // namespace neurosweep
