#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace neurosweep {

/// The random order in which one neuron meets the items, and the estimate from a depth of that order.
///
/// Item j is in the sample of depth d when key[j] <= d, which happens with probability 1 - exp(-d weight[j]),
/// independently of the others; so samples of growing depth are nested and only grow.
class RaceSample {
 public:
  ///   screen, reach, exact  [P] as in RaceField
  ///   seed                  of this neuron
  RaceSample(std::span<const float> screen, std::span<const float> reach, std::span<const float> exact,
             std::uint64_t seed);

  /// Depth with n expected items; infinite, which takes all items, from n = 0.8 P on.
  double depth_of(double n) const;

  bool has(std::size_t item, double depth) const { return key_[item] <= depth; }

  /// Items of the sample of this depth, ascending.
  std::vector<std::size_t> items(double depth) const;

  /// Mean effect over all items from a sample whose exact effects are known.
  struct Estimate {
    std::int64_t n = 0;
    double mean = 0;
    double variance = 0;    ///< from the sample's own residuals
    double dispersion = 0;  ///< squared residual in units of weight^2, mean over all items as estimated
    double unit = 0;        ///< variance of the mean if the dispersion were 1
  };
  Estimate estimate(double depth) const;

 private:
  double chance(std::size_t item, double depth) const;

  std::span<const float> screen_, exact_;
  std::vector<double> weight_;  ///< [P], mean 1 + kFloor
  std::vector<double> key_;     ///< [P]
};

}  // namespace neurosweep
