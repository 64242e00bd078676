#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "framework/rank/stats.hpp"

namespace neurosweep {

/// What a minimal set does on items that the search has not seen. Effects are means over items, of the metric.
struct ShareProof {
  std::int64_t n = 0;                   ///< items
  double full_effect = 0;               ///< of all candidates together
  double effect = 0;                    ///< of the minimal set
  double share = 0;                     ///< effect / full_effect
  std::optional<Interval> interval;     ///< of the share; none where full_effect is not told from 0 (or n < 2)
  std::optional<double> random_effect;  ///< mean over matched random sets; none without any
  std::optional<double> random_worst;   ///< of the random set that changes most in the direction of full_effect
  std::optional<double> p;              ///< signed-rank test: minimal set against the mean of the random sets, by item
};

/// Share of the full effect that the minimal set explains, with a 95 % percentile bootstrap over items, which draws
/// both effects of an item together.
///   full, minimal  [n] effects by item
///   random         [sets][n]
///   throws         Error{input} when n is 0 or all candidates together change nothing
ShareProof prove_share(std::span<const double> full, std::span<const double> minimal,
                       std::span<const std::vector<double>> random, std::uint64_t seed);

/// How much two neurons suppressed together differ from the sum of each alone.
struct PairInteraction {
  std::int64_t n = 0;  ///< items
  double effect_a = 0, effect_b = 0, effect_joint = 0;
  double interaction = 0;            ///< joint - a - b: for harmful neurons < 0 is synergy, > 0 redundancy
  std::optional<Interval> interval;  ///< 95 % BCa bootstrap over items; none when n < 2
  double p = 1;                      ///< signed-rank test over items, two-sided; below 1e-4 an item counts as 0
};

///   a, b, joint  [n] effects by item, n >= 1
PairInteraction interaction_of(std::span<const double> a, std::span<const double> b, std::span<const double> joint,
                               std::uint64_t seed);

}  // namespace neurosweep
