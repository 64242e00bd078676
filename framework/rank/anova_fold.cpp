#include "framework/rank/anova_fold.hpp"

#include <algorithm>
#include <numeric>

#include "framework/base/error.hpp"

namespace neurosweep {

void AnovaFold::add(std::span<const float> x, double outcome) {
  if (n_ == 0) {
    x_.assign(x.size(), 0);
    xx_ = xy_ = x_;
  }
  if (x.size() != x_.size()) throw input_error("an item of {} features among items of {}", x.size(), x_.size());
  n_ += 1;
  const auto n = static_cast<double>(n_);
  const double dy = outcome - y_;
  y_ += dy / n;
  yy_ += dy * (outcome - y_);
  for (std::size_t j = 0; j < x.size(); ++j) {
    const double dx = x[j] - x_[j];
    x_[j] += dx / n;
    xx_[j] += dx * (x[j] - x_[j]);
    xy_[j] += dx * (outcome - y_);
  }
}

std::vector<double> AnovaFold::finish() const {
  if (n_ < 3) throw input_error("an F statistic of {} items: expected at least 3", n_);
  std::vector<double> f(x_.size(), 0.0);
  for (std::size_t j = 0; j < f.size(); ++j) {
    const double product = xx_[j] * yy_;
    if (product <= 0) continue;
    const double explained = std::min(xy_[j] * xy_[j] / product, 1 - 1e-12);
    f[j] = explained / (1 - explained) * static_cast<double>(n_ - 2);
  }
  return f;
}

std::vector<std::int64_t> largest(std::span<const double> x, std::int64_t k) {
  std::vector<std::int64_t> order(x.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(k)));
  return order;
}

}  // namespace neurosweep
