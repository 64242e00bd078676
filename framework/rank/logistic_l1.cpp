#include "framework/rank/logistic_l1.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

constexpr double kTinyCurvature = 1e-12;
constexpr int kSweeps = 1000;                 ///< of coordinate descent in one Newton step
constexpr std::size_t kNewCoordinates = 200;  ///< that a Newton step may add to those with a weight, or as many again
constexpr int kHalvings = 40;

double soft_threshold(double x, double by) {
  return x > by ? x - by : x < -by ? x + by : 0;
}

/// log(1 + exp(z)) without overflow.
double softplus(double z) {
  return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
}

/// Sum of products, in lanes that the compiler can keep in vector registers.
template <class Number>
Number dot(std::span<const float> x, const std::vector<Number>& y) {
  constexpr std::size_t kLanes = 8;
  Number lanes[kLanes] = {};
  const std::size_t whole = y.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) lanes[k] += x[i + k] * y[i + k];
  }
  Number sum = 0;
  for (const Number lane : lanes) sum += lane;
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

  /// The coordinates of a step: those with a weight, and the steepest of those that want one.
  void choose_active() {
    active_.clear();
    std::vector<Coordinate> wanting;
    for (std::size_t j = 0; j < gradient_.size(); ++j) {
      if (fit_.weights[j] != 0) {
        active_.push_back({j, 0});
      } else if (std::abs(gradient_[j]) > 1) {
        wanting.push_back({j, 0});
      }
    }
    const auto added = std::min(wanting.size(), std::max(active_.size(), kNewCoordinates));
    std::partial_sort(wanting.begin(), wanting.begin() + static_cast<std::ptrdiff_t>(added), wanting.end(),
                      [&](const Coordinate& a, const Coordinate& b) {
                        return std::pair(-std::abs(gradient_[a.j]), a.j) < std::pair(-std::abs(gradient_[b.j]), b.j);
                      });
    active_.insert(active_.end(), wanting.begin(), wanting.begin() + static_cast<std::ptrdiff_t>(added));
  }

  /// Second derivatives of the loss by the active weights and, last, the intercept. In f32: they shape the step only.
  void fill_hessian() {
    const std::size_t size = active_.size() + 1;
    hessian_.assign(size * size, 0);
    std::vector<float> weighted(curvature_.size());
    for (std::size_t a = 0; a < size; ++a) {
      const bool intercept = a + 1 == size;
      for (std::size_t i = 0; i < weighted.size(); ++i) {
        weighted[i] = static_cast<float>(intercept ? curvature_[i] : curvature_[i] * column(a)[i]);
      }
      for (std::size_t b = 0; b <= a; ++b) {
        const float value =
            b + 1 == size ? std::accumulate(weighted.begin(), weighted.end(), 0.0F) : dot(column(b), weighted);
        hessian_[a * size + b] = hessian_[b * size + a] = value;
      }
    }
  }

  std::span<const float> column(std::size_t a) const { return x_.column(static_cast<std::int64_t>(active_[a].j)); }

  /// Minimises the quadratic model over the active weights and the intercept, then goes towards its minimum.
  ///   returns  false when no step lowers the objective: the limit of rounding is reached
  bool step() {
    fill_hessian();
    pull_.assign(active_.size() + 1, 0);
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
    const std::size_t size = active_.size() + 1;
    const double g = gradient_intercept_ + pull_.back();
    const double h = std::max<double>(hessian_.back(), kTinyCurvature);
    moved_intercept_ -= g / h;
    pull(size - 1, -g / h);
    double largest = std::abs(g);
    for (std::size_t a = 0; a < active_.size(); ++a) {
      Coordinate& each = active_[a];
      const double w = fit_.weights[each.j] + each.change;
      if (which == Coordinates::with_weight && w == 0) continue;
      const double curvature = std::max<double>(hessian_[a * size + a], kTinyCurvature);
      const double slope = gradient_[each.j] + pull_[a];
      const double change = soft_threshold(w - slope / curvature, 1 / curvature) - w;
      if (change == 0) continue;
      each.change += change;
      pull(a, change);
      largest = std::max(largest, std::abs(change) * curvature);
    }
    return largest;
  }

  /// What a change of one coordinate does to the gradients of all.
  void pull(std::size_t a, double change) {
    const float* row = hessian_.data() + a * pull_.size();
    for (std::size_t b = 0; b < pull_.size(); ++b) pull_[b] += change * row[b];
  }

  void set_moved() {
    moved_.assign(logit_.size(), moved_intercept_);
    for (std::size_t a = 0; a < active_.size(); ++a) {
      const double change = active_[a].change;
      if (change == 0) continue;
      const auto x = column(a);
      for (std::size_t i = 0; i < moved_.size(); ++i) moved_[i] += change * x[i];
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
  std::vector<double> moved_;   ///< [n] what the step changes of the logits
  std::vector<float> hessian_;  ///< [(active + 1)^2]
  std::vector<double> pull_;    ///< [active + 1] what the step sought so far changes of the gradients
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
