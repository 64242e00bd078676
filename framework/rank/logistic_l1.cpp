#include "framework/rank/logistic_l1.hpp"

#include <algorithm>
#include <cmath>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

constexpr double kTinyCurvature = 1e-12;
constexpr int kSweeps = 100;  ///< of coordinate descent in one Newton step
constexpr int kHalvings = 40;

double soft_threshold(double x, double by) {
  return x > by ? x - by : x < -by ? x + by : 0;
}

/// log(1 + exp(z)) without overflow.
double softplus(double z) {
  return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
}

/// Sum of products, in lanes that the compiler can keep in vector registers.
double dot(std::span<const float> x, const std::vector<double>& y) {
  constexpr std::size_t kLanes = 8;
  double lanes[kLanes] = {};
  const std::size_t whole = y.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) lanes[k] += x[i + k] * y[i + k];
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  for (std::size_t i = whole; i < y.size(); ++i) sum += x[i] * y[i];
  return sum;
}

class Solver {
 public:
  Solver(const FeatureMatrix& x, std::span<const std::int64_t> label, const LogisticSpec& spec,
         const LogisticFit& start)
      : x_(x), spec_(spec), label_(label), fit_(start), slope_(label.size()), curvature_(label.size()) {
    fit_.weights.resize(static_cast<std::size_t>(x.p()), 0);
    const auto n = static_cast<double>(label.size());
    const auto positive = static_cast<double>(std::count(label.begin(), label.end(), 1));
    for (const std::int64_t y : label) loss_weight_.push_back(spec.c * n / (2 * (y == 1 ? positive : n - positive)));
    logit_ = logits_of(fit_, x);
    gradient_.resize(fit_.weights.size());
  }

  LogisticFit solve() {
    for (fit_.rounds = 0; fit_.rounds < spec_.max_rounds; ++fit_.rounds) {
      differentiate();
      if (fit_.kkt <= spec_.tolerance) break;
      choose_active();
      if (!step()) break;
    }
    return std::move(fit_);
  }

 private:
  /// Gradient and curvature of the loss, and the violation of the optimum's conditions.
  void differentiate() {
    gradient_intercept_ = 0;
    for (std::size_t i = 0; i < logit_.size(); ++i) {
      const double p = 1 / (1 + std::exp(-logit_[i]));
      slope_[i] = loss_weight_[i] * (p - static_cast<double>(label_[i]));
      curvature_[i] = loss_weight_[i] * p * (1 - p);
      gradient_intercept_ += slope_[i];
    }
    fit_.kkt = std::abs(gradient_intercept_);
    for (std::size_t j = 0; j < gradient_.size(); ++j) {
      gradient_[j] = dot(x_.column(static_cast<std::int64_t>(j)), slope_);
      fit_.kkt = std::max(fit_.kkt, violation(j));
    }
  }

  double violation(std::size_t j) const {
    const double w = fit_.weights[j], g = gradient_[j];
    return w > 0 ? std::abs(g + 1) : w < 0 ? std::abs(g - 1) : std::max(0.0, std::abs(g) - 1);
  }

  void choose_active() {
    active_.clear();
    for (std::size_t j = 0; j < gradient_.size(); ++j) {
      if (fit_.weights[j] == 0 && std::abs(gradient_[j]) < 1) continue;
      double h = kTinyCurvature;
      const auto column = x_.column(static_cast<std::int64_t>(j));
      for (std::size_t i = 0; i < curvature_.size(); ++i) h += curvature_[i] * column[i] * column[i];
      active_.push_back({j, h, 0});
    }
  }

  /// Minimises the quadratic model over the active weights and the intercept, then goes towards its minimum.
  ///   returns  false when no step lowers the objective: the limit of rounding is reached
  bool step() {
    pull_.assign(logit_.size(), 0);
    moved_intercept_ = 0;
    const double enough = std::max(0.05 * fit_.kkt, 0.3 * spec_.tolerance);
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      if (sweep_once(Coordinates::all) <= enough) break;
      while (++sweep < kSweeps && sweep_once(Coordinates::with_weight) > enough) continue;
    }
    set_moved();
    return search_line();
  }

  enum class Coordinates { all, with_weight };

  /// One pass of coordinate descent; returns the largest gradient that a coordinate had left.
  double sweep_once(Coordinates which) {
    double h = kTinyCurvature, g = gradient_intercept_;
    for (std::size_t i = 0; i < pull_.size(); ++i) {
      h += curvature_[i];
      g += pull_[i];
    }
    for (std::size_t i = 0; i < pull_.size(); ++i) pull_[i] -= g / h * curvature_[i];
    moved_intercept_ -= g / h;
    double largest = std::abs(g);
    for (Coordinate& each : active_) {
      const double w = fit_.weights[each.j] + each.change;
      if (which == Coordinates::with_weight && w == 0) continue;
      const auto column = x_.column(static_cast<std::int64_t>(each.j));
      const double slope = gradient_[each.j] + dot(column, pull_);
      const double change = soft_threshold(w - slope / each.curvature, 1 / each.curvature) - w;
      if (change == 0) continue;
      each.change += change;
      for (std::size_t i = 0; i < pull_.size(); ++i) pull_[i] += change * curvature_[i] * column[i];
      largest = std::max(largest, std::abs(change) * each.curvature);
    }
    return largest;
  }

  void set_moved() {
    moved_.assign(logit_.size(), moved_intercept_);
    for (const Coordinate& each : active_) {
      if (each.change == 0) continue;
      const auto column = x_.column(static_cast<std::int64_t>(each.j));
      for (std::size_t i = 0; i < moved_.size(); ++i) moved_[i] += each.change * column[i];
    }
  }

  double loss(double share) const {
    double sum = 0;
    for (std::size_t i = 0; i < logit_.size(); ++i) {
      const double z = logit_[i] + share * moved_[i];
      sum += loss_weight_[i] * softplus(label_[i] == 1 ? -z : z);
    }
    return sum;
  }

  bool search_line() {
    double promised = gradient_intercept_ * moved_intercept_;
    for (const Coordinate& each : active_) {
      const double w = fit_.weights[each.j];
      promised += gradient_[each.j] * each.change + std::abs(w + each.change) - std::abs(w);
    }
    if (promised >= 0) return false;
    const double before = loss(0);
    double share = 1;
    for (int halving = 0; halving < kHalvings; ++halving, share /= 2) {
      double penalty = 0;
      for (const Coordinate& each : active_) {
        const double w = fit_.weights[each.j];
        penalty += std::abs(w + share * each.change) - std::abs(w);
      }
      if (loss(share) - before + penalty <= 1e-4 * share * promised) {
        take(share);
        return true;
      }
    }
    return false;
  }

  void take(double share) {
    for (const Coordinate& each : active_) fit_.weights[each.j] += share * each.change;
    fit_.intercept += share * moved_intercept_;
    for (std::size_t i = 0; i < logit_.size(); ++i) logit_[i] += share * moved_[i];
  }

  struct Coordinate {
    std::size_t j;
    double curvature;
    double change;
  };

  const FeatureMatrix& x_;
  const LogisticSpec& spec_;
  std::span<const std::int64_t> label_;
  LogisticFit fit_;
  std::vector<double> loss_weight_;                ///< [n]
  std::vector<double> logit_, slope_, curvature_;  ///< [n] logit; first and second derivative of the loss by it
  std::vector<double> gradient_;                   ///< [p]
  double gradient_intercept_ = 0;
  std::vector<Coordinate> active_;
  std::vector<double> moved_;  ///< [n] what the step changes of the logits
  std::vector<double> pull_;   ///< [n] moved_ times curvature, while the step is sought
  double moved_intercept_ = 0;
};

void check(const FeatureMatrix& x, std::span<const std::int64_t> label, const LogisticSpec& spec) {
  const auto positive = std::count(label.begin(), label.end(), 1);
  if (x.n != static_cast<std::int64_t>(label.size())) {
    throw input_error("logistic regression: {} labels for {} observations", label.size(), x.n);
  }
  if (positive == 0 || positive == static_cast<std::ptrdiff_t>(label.size())) {
    throw input_error("logistic regression: {} of {} observations are positive, both classes are needed", positive,
                      label.size());
  }
  if (!(spec.c > 0)) throw input_error("logistic regression: c = {}, expected more than 0", spec.c);
}

}  // namespace

LogisticFit fit_logistic_l1(const FeatureMatrix& x, std::span<const std::int64_t> label, const LogisticSpec& spec,
                            const LogisticFit& start) {
  check(x, label, spec);
  return Solver(x, label, spec, start).solve();
}

std::vector<double> logits_of(const LogisticFit& fit, const FeatureMatrix& x) {
  std::vector<double> logits(static_cast<std::size_t>(x.n), fit.intercept);
  for (std::size_t j = 0; j < fit.weights.size(); ++j) {
    if (fit.weights[j] == 0) continue;
    const auto column = x.column(static_cast<std::int64_t>(j));
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] += fit.weights[j] * column[i];
  }
  return logits;
}

}  // namespace neurosweep
