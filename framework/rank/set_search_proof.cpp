#include "framework/rank/set_search_proof.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/base/error.hpp"
#include "framework/rank/counter_rng.hpp"
#include "framework/rank/resampling.hpp"

namespace neurosweep {
namespace {

constexpr int kDraws = 2000;
constexpr double kTailShare = 0.025;
constexpr double kRounding = 1e-4;  ///< nats; what float32 may leave of effects that add exactly, ten times over

/// Percentile interval of sum(part) / sum(whole); none when the draws do not agree on the sign of the whole.
std::optional<Interval> ratio_interval(std::span<const double> part, std::span<const double> whole,
                                       std::uint64_t seed) {
  const std::size_t n = whole.size();
  if (n < 2) return std::nullopt;
  CounterRng rng(seed);
  std::vector<double> ratios;
  int positive = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    double part_sum = 0, whole_sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t item = rng.below(n);
      part_sum += part[item];
      whole_sum += whole[item];
    }
    positive += whole_sum > 0 ? 1 : 0;
    if (whole_sum != 0) ratios.push_back(part_sum / whole_sum);
  }
  const int odd = std::min(positive, kDraws - positive) + kDraws - static_cast<int>(ratios.size());
  if (odd > kTailShare * kDraws) return std::nullopt;
  return Interval{quantile(ratios, kTailShare), quantile(ratios, 1 - kTailShare)};
}

void compare_with_random(ShareProof& proof, std::span<const double> minimal,
                         std::span<const std::vector<double>> random) {
  Moments means;
  std::vector<double> differences(minimal.begin(), minimal.end());
  for (const std::vector<double>& set : random) {
    const double mean = moments_of(set).mean;
    means.add(mean);
    const bool first = !proof.random_worst.has_value();
    if (first || mean / proof.full_effect > *proof.random_worst / proof.full_effect) proof.random_worst = mean;
    for (std::size_t i = 0; i < differences.size(); ++i) differences[i] -= set[i] / static_cast<double>(random.size());
  }
  proof.random_effect = means.mean;
  proof.p = wilcoxon_signed_rank(differences, Tail::two_sided).p;
}

}  // namespace

ShareProof prove_share(std::span<const double> full, std::span<const double> minimal,
                       std::span<const std::vector<double>> random, std::uint64_t seed) {
  ensure(full.size() == minimal.size(), "both sets were measured on the same items");
  if (full.empty()) throw input_error("the share of a set needs at least 1 item, found 0");
  ShareProof proof;
  proof.n = static_cast<std::int64_t>(full.size());
  proof.full_effect = moments_of(full).mean;
  proof.effect = moments_of(minimal).mean;
  if (proof.full_effect == 0 || !std::isfinite(proof.full_effect)) {
    throw input_error("all candidates together change the metric by {} on the items of the proof: no share can be told",
                      proof.full_effect);
  }
  proof.share = proof.effect / proof.full_effect;
  proof.interval = ratio_interval(minimal, full, seed);
  if (!random.empty()) compare_with_random(proof, minimal, random);
  return proof;
}

PairInteraction interaction_of(std::span<const double> a, std::span<const double> b, std::span<const double> joint,
                               std::uint64_t seed) {
  ensure(!joint.empty() && a.size() == joint.size() && b.size() == joint.size(),
         "a pair and its neurons were measured on the same items");
  std::vector<double> interactions;
  for (std::size_t i = 0; i < joint.size(); ++i) interactions.push_back(joint[i] - a[i] - b[i]);
  PairInteraction pair;
  pair.n = static_cast<std::int64_t>(joint.size());
  pair.effect_a = moments_of(a).mean;
  pair.effect_b = moments_of(b).mean;
  pair.effect_joint = moments_of(joint).mean;
  pair.interaction = moments_of(interactions).mean;
  if (joint.size() >= 2) pair.interval = bootstrap_interval(interactions, {.seed = seed});
  for (double& interaction : interactions) {
    if (std::abs(interaction) < kRounding) interaction = 0;
  }
  pair.p = wilcoxon_signed_rank(interactions, Tail::two_sided).p;
  return pair;
}

}  // namespace neurosweep
