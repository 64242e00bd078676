#include "framework/rank/race_sample.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "framework/rank/counter_rng.hpp"

namespace neurosweep {

namespace {

constexpr double kAll = std::numeric_limits<double>::infinity();
constexpr double kFloor = 0.03;     // weight of an item without reach, relative to the mean
constexpr double kTakeAllAt = 0.8;  // share of the items from which on all are taken
constexpr int kDepthBisections = 60;

}  // namespace

RaceSample::RaceSample(std::span<const float> screen, std::span<const float> reach, std::span<const float> exact,
                       std::uint64_t seed)
    : screen_(screen), exact_(exact), weight_(reach.begin(), reach.end()) {
  const double mean = std::accumulate(weight_.begin(), weight_.end(), 0.0) / static_cast<double>(weight_.size());
  CounterRng rng(seed);
  for (double& weight : weight_) {
    weight = (mean > 0 ? weight / mean : 1) + kFloor;
    key_.push_back(-std::log1p(-rng.uniform()) / weight);
  }
}

double RaceSample::chance(std::size_t item, double depth) const {
  return -std::expm1(-depth * weight_[item]);
}

double RaceSample::depth_of(double n) const {
  const auto P = static_cast<double>(weight_.size());
  if (n >= kTakeAllAt * P) return kAll;
  double low = std::log(1e-9), high = std::log(1e9);
  for (int i = 0; i < kDepthBisections; ++i) {
    const double middle = 0.5 * (low + high);
    double expected = 0;
    for (std::size_t item = 0; item < weight_.size(); ++item) expected += chance(item, std::exp(middle));
    (expected < n ? low : high) = middle;
  }
  return std::exp(high);
}

std::vector<std::size_t> RaceSample::items(double depth) const {
  std::vector<std::size_t> chosen;
  for (std::size_t item = 0; item < key_.size(); ++item) {
    if (has(item, depth)) chosen.push_back(item);
  }
  return chosen;
}

RaceSample::Estimate RaceSample::estimate(double depth) const {
  const auto P = static_cast<double>(weight_.size());
  const auto sample = items(depth);
  double residual_total = 0, weight_total = 0;
  for (const std::size_t item : sample) {
    const double pi = chance(item, depth);
    residual_total += (static_cast<double>(exact_[item]) - screen_[item]) / pi;
    weight_total += weight_[item] / pi;
  }
  const double ratio = weight_total > 0 ? residual_total / weight_total : 0;

  Estimate result;
  result.n = static_cast<std::int64_t>(sample.size());
  double total = 0, all_weights = 0, all_squares = 0;
  for (std::size_t item = 0; item < weight_.size(); ++item) {
    const double pi = chance(item, depth), square = weight_[item] * weight_[item];
    total += screen_[item];
    all_weights += weight_[item];
    all_squares += square;
    result.unit += square * (1 - pi) / pi / (P * P);
  }
  result.mean = (total + ratio * all_weights) / P;
  double squares = 0;
  for (const std::size_t item : sample) {
    const double pi = chance(item, depth);
    const double rest = static_cast<double>(exact_[item]) - screen_[item] - ratio * weight_[item];
    result.variance += (1 - pi) / (pi * pi) * rest * rest / (P * P);
    squares += rest * rest / pi;
  }
  if (result.n > 1) {
    const double correction = static_cast<double>(result.n) / static_cast<double>(result.n - 1);
    result.variance *= correction;
    result.dispersion = correction * squares / all_squares;
  }
  return result;
}

}  // namespace neurosweep
