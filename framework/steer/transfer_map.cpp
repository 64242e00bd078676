#include "framework/steer/transfer_map.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

namespace {

/// Linear kernels of layers with an empty diagonal.
struct Kernels {
  at::Tensor flat;  ///< [L, n * n]
  at::Tensor rows;  ///< [L, n] sums
  at::Tensor sums;  ///< [L]
};

Kernels make_kernels(const std::vector<at::Tensor>& layers) {
  std::vector<at::Tensor> flat, rows;
  for (const at::Tensor& layer : layers) {
    const at::Tensor x = layer.to(at::kDouble);
    const at::Tensor centred = x.sub(x.mean(0, true));
    at::Tensor kernel = centred.matmul(centred.t());
    kernel.fill_diagonal_(0);
    rows.push_back(kernel.sum(1));
    flat.push_back(kernel.flatten());
  }
  Kernels kernels{at::stack(flat), at::stack(rows), {}};
  kernels.sums = kernels.rows.sum(1);
  return kernels;
}

at::Tensor hsic(const at::Tensor& products, const Kernels& a, const Kernels& b, const at::Tensor& row_products,
                const at::Tensor& sum_products) {
  const auto n = static_cast<double>(a.rows.size(1));
  ensure(a.rows.size(1) == b.rows.size(1), "layers are compared over the same samples");
  return products.add(sum_products.div((n - 1) * (n - 2))).sub(row_products.mul(2 / (n - 2))).div(n * (n - 3));
}

/// Columns with mean 0 and length 1; 0 where a column never changes.
at::Tensor standardise(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor centred = wide.sub(wide.mean(0, true));
  const at::Tensor length = centred.norm(2, {0}, true);
  return centred.div(length.clamp_min(1e-300)).mul(length.gt(1e-12)).to(at::kFloat);
}

struct Centred {
  at::Tensor a, b, a_held, b_held;  ///< f64, about the means of the fitted samples
};

Centred centre(const PairedSamples& samples) {
  if (samples.a.size(0) < 2 || samples.a_held.size(0) < 2) {
    throw input_error("{} samples to fit a map on and {} to judge it: expected 2 of each at least: add texts",
                      samples.a.size(0), samples.a_held.size(0));
  }
  const auto wide = [](const at::Tensor& x) { return x.to(at::kCPU, at::kDouble); };
  const at::Tensor a = wide(samples.a), b = wide(samples.b);
  const at::Tensor mean_a = a.mean(0, true), mean_b = b.mean(0, true);
  return {a.sub(mean_a), b.sub(mean_b), wide(samples.a_held).sub(mean_a), wide(samples.b_held).sub(mean_b)};
}

double explained(const at::Tensor& a, const at::Tensor& b, const at::Tensor& matrix) {
  const double left = a.matmul(matrix).sub(b).square().sum().item<double>();
  const double all = b.square().sum().item<double>();
  return all > 0 ? 1 - left / all : 0;
}

ResidualMap judge(const Centred& samples, at::Tensor matrix) {
  const double fit = explained(samples.a, samples.b, matrix);
  const double held_out = explained(samples.a_held, samples.b_held, matrix);
  return {std::move(matrix), fit, held_out};
}

}  // namespace

HsicBatch measure_hsic(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  ensure(!a.empty() && !b.empty(), "models with layers are compared");
  if (a.front().size(0) < 4) throw input_error("{} samples: expected 4 at least to compare layers", a.front().size(0));
  const Kernels ka = make_kernels(a), kb = make_kernels(b);
  const auto own = [](const Kernels& k) {
    return hsic(k.flat.square().sum(1), k, k, k.rows.square().sum(1), k.sums.square());
  };
  return {to_doubles(hsic(ka.flat.matmul(kb.flat.t()), ka, kb, ka.rows.matmul(kb.rows.t()), ka.sums.outer(kb.sums))),
          to_doubles(own(ka)), to_doubles(own(kb))};
}

TopCorrelations top_correlations(const PairedSamples& samples, std::int64_t k) {
  constexpr std::int64_t kRowsAtOnce = 512;
  if (samples.a.size(0) < 2 || samples.a_held.size(0) < 2) {
    throw input_error("{} samples to correlate and {} held out: expected 2 of each at least: add texts",
                      samples.a.size(0), samples.a_held.size(0));
  }
  const at::Tensor a = standardise(samples.a).t(), b = standardise(samples.b);
  const at::Tensor a_held = standardise(samples.a_held).t(), b_held = standardise(samples.b_held);
  const std::int64_t Da = a.size(0);
  k = std::min(k, b.size(1));
  std::vector<at::Tensor> to, fit, held_out;
  for (std::int64_t begin = 0; begin < Da; begin += kRowsAtOnce) {
    const std::int64_t rows = std::min(kRowsAtOnce, Da - begin);
    const at::Tensor block = a.narrow(0, begin, rows).matmul(b);
    to.push_back(std::get<1>(block.abs().topk(k, 1)));
    fit.push_back(block.gather(1, to.back()));
    held_out.push_back(a_held.narrow(0, begin, rows).matmul(b_held).gather(1, to.back()));
  }
  return {at::cat(to), at::cat(fit), at::cat(held_out)};
}

ResidualMap fit_ridge(const PairedSamples& samples, double penalty) {
  const Centred centred = centre(samples);
  at::Tensor square = centred.a.t().matmul(centred.a);
  const double size = square.diagonal().mean().item<double>();
  if (size == 0) throw input_error("a residual stream never changes over the samples: add texts");
  square.diagonal().add_(penalty * size);
  return judge(centred, at::linalg_solve(square, centred.a.t().matmul(centred.b)));
}

at::Tensor orthogonal_procrustes(const at::Tensor& a, const at::Tensor& b) {
  const auto [u, s, vh] = at::linalg_svd(a.t().matmul(b), false);
  return u.matmul(vh);
}

ResidualMap fit_procrustes(const PairedSamples& samples) {
  const Centred centred = centre(samples);
  const at::Tensor rotation = orthogonal_procrustes(centred.a, centred.b);
  const at::Tensor turned = centred.a.matmul(rotation);
  const double size = turned.square().sum().item<double>();
  if (size == 0) throw input_error("a residual stream never changes over the samples: add texts");
  return judge(centred, rotation.mul(turned.mul(centred.b).sum().item<double>() / size));
}

}  // namespace neurosweep
