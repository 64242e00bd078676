#include "framework/rank/race.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/race_recall.hpp"
#include "framework/rank/race_sample.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kMaxRounds = 12;  // over which the error rate is divided
constexpr double kRoundShare = 0.25;     // of max_forwards that one later round may spend
constexpr double kFirstShare = 0.4;      // of max_forwards that the first round may spend
constexpr double kGrowth = 2;            // of a neuron's items from round to round

/// What neurons of a layer tell about the dispersion of each: effects have heavy tails, and a sample that missed a
/// neuron's few large effects looks too sure.
struct Prior {
  double quantile;  ///< of the layer's dispersions
  double items;     ///< its weight beside the neuron's own items
};
constexpr Prior kTypical{0.7, 8};       // to choose who goes on
constexpr Prior kCautious{0.85, 8};     // the standard error that is stated
constexpr Prior kSuspicious{0.95, 16};  // to decide
constexpr std::int64_t kLeastForDispersion = 4;
constexpr double kLeastDistance = 0.7;  // in standard errors, of a neuron from the threshold

std::span<const float> row(const std::vector<float>& block, std::size_t entrant, std::size_t P) {
  return std::span(block).subspan(entrant * P, P);
}

double mean_of(std::span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

class Replay {
 public:
  Replay(const RaceField& field, const RaceSpec& spec)
      : field_(field), spec_(spec), E_(field.entrants.size()), P_(field.item_cost.size()) {
    ensure(E_ > 0 && P_ > 0 && field.screen.size() == E_ * P_ && field.reach.size() == E_ * P_ &&
               field.exact.size() == E_ * P_ && field.arm_cost.size() == E_,
           "the blocks of a race have the same shape");
    const auto seed =
        derive_seed(spec.seed, "race");  // one for all: neurons meet the same items, which saves baselines
    for (std::size_t e = 0; e < E_; ++e) {
      samples_.emplace_back(row(field.screen, e, P_), row(field.reach, e, P_), row(field.exact, e, P_), seed);
      reach_.push_back(mean_of(row(field.reach, e, P_)));
    }
    const double arms = std::accumulate(field.arm_cost.begin(), field.arm_cost.end(), 0.0);
    const double first = std::min(spec.first_items, kFirstShare * spec.max_forwards / arms);
    std::vector<bool> items(P_);
    depth_.resize(E_);
    wanted_.assign(E_, first);
    for (std::size_t e = 0; e < E_; ++e) go_deeper(e, samples_[e].depth_of(first), items);
    verdict_.entrants.resize(E_);
  }

  RaceStep run() {
    while (true) {
      auto missing = missing_effects();
      if (!missing.empty()) return {std::move(missing), {}};
      ++verdict_.rounds;
      estimate();
      decide();
      if (verdict_.rounds == kMaxRounds || !deepen()) return {{}, finish()};
    }
  }

 private:
  std::vector<RaceRequest> missing_effects() const {
    std::vector<RaceRequest> missing;
    for (std::size_t e = 0; e < E_; ++e) {
      for (const std::size_t item : samples_[e].items(depth_[e])) {
        if (std::isnan(field_.exact[e * P_ + item])) missing.push_back({e, item});
      }
    }
    return missing;
  }

  /// Forwards for taking an entrant from one depth to another in a round that runs the baselines of `items` anyway.
  double cost_of(std::size_t e, double from, double to, const std::vector<bool>& items) const {
    double cost = 0;
    for (const std::size_t item : samples_[e].items(to)) {
      if (samples_[e].has(item, from)) continue;
      cost += (field_.arm_cost[e] + (items[item] ? 0 : 1)) * field_.item_cost[item];
    }
    return cost;
  }

  /// Books the step of an entrant to a depth, in a round that now runs the baselines of its new items, too.
  void go_deeper(std::size_t e, double depth, std::vector<bool>& items) {
    verdict_.forwards += cost_of(e, depth_[e], depth, items);
    for (const std::size_t item : samples_[e].items(depth)) {
      if (!samples_[e].has(item, depth_[e])) items[item] = true;
    }
    depth_[e] = depth;
  }

  /// Dispersion of effects in units of reach, typical of each layer.
  std::vector<double> shared_dispersions(const std::vector<RaceSample::Estimate>& estimates, const Prior& prior) const {
    std::vector<std::vector<double>> by_layer;
    std::vector<double> all;
    for (std::size_t e = 0; e < E_; ++e) {
      if (estimates[e].n < kLeastForDispersion || reach_[e] <= 0) continue;
      const auto layer = static_cast<std::size_t>(field_.entrants[e].neuron / field_.M);
      if (by_layer.size() <= layer) by_layer.resize(layer + 1);
      by_layer[layer].push_back(estimates[e].dispersion / (reach_[e] * reach_[e]));
      all.push_back(by_layer[layer].back());
    }
    std::vector<double> shared;
    for (std::size_t e = 0; e < E_; ++e) {
      const auto layer = static_cast<std::size_t>(field_.entrants[e].neuron / field_.M);
      const bool enough = layer < by_layer.size() && by_layer[layer].size() >= 8;
      const auto& pool = enough ? by_layer[layer] : all;
      shared.push_back(pool.empty() ? 0 : quantile(pool, prior.quantile) * reach_[e] * reach_[e]);
    }
    return shared;
  }

  /// Standard errors of all entrants under a prior.
  std::vector<double> errors_of(const std::vector<RaceSample::Estimate>& estimates, const Prior& prior) const {
    const auto shared = shared_dispersions(estimates, prior);
    std::vector<double> errors;
    for (std::size_t e = 0; e < E_; ++e) {
      const auto n = static_cast<double>(estimates[e].n);
      const double pooled = prior.items * shared[e] * estimates[e].unit;
      errors.push_back(std::sqrt((n * estimates[e].variance + pooled) / (n + prior.items)));
    }
    return errors;
  }

  void estimate() {
    std::vector<RaceSample::Estimate> estimates;
    for (std::size_t e = 0; e < E_; ++e) estimates.push_back(samples_[e].estimate(depth_[e]));
    const auto stated = errors_of(estimates, kCautious), decisive = errors_of(estimates, kSuspicious);
    typical_error_ = errors_of(estimates, kTypical);
    const double tail = spec_.error / (2 * static_cast<double>(E_) * static_cast<double>(kMaxRounds));
    for (std::size_t e = 0; e < E_; ++e) {
      const auto n = static_cast<double>(estimates[e].n);
      const boost::math::students_t t(std::max(1.0, n + kSuspicious.items - 1));
      const double half = decisive[e] * boost::math::quantile(boost::math::complement(t, tail));
      RaceEstimate& to = verdict_.entrants[e];
      to.n = estimates[e].n;
      to.mean = estimates[e].mean;
      to.standard_error = stated[e];
      to.interval = {to.mean - half, to.mean + half};
    }
  }

  /// Sets the given top and which neurons are surely inside or outside it.
  void decide() {
    std::vector<std::size_t> order(E_);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return verdict_.entrants[a].mean < verdict_.entrants[b].mean;
    });
    const std::size_t K = std::min(E_, static_cast<std::size_t>(spec_.top));
    std::vector<double> lows, highs;
    for (std::size_t i = 0; i < E_; ++i) {
      RaceEstimate& entrant = verdict_.entrants[order[i]];
      entrant.place = i < K ? static_cast<std::int64_t>(i) + 1 : 0;
      lows.push_back(entrant.interval.low);
      highs.push_back(entrant.interval.high);
    }
    std::sort(lows.begin(), lows.end());
    std::sort(highs.begin(), highs.end());
    threshold_ = K < E_ ? 0.5 * (verdict_.entrants[order[K - 1]].mean + verdict_.entrants[order[K]].mean) : 0;
    for (RaceEstimate& entrant : verdict_.entrants) {
      const auto may_be_below =
          std::upper_bound(lows.begin(), lows.end(), entrant.interval.high) - lows.begin() - 1;  // without itself
      const auto surely_below = std::lower_bound(highs.begin(), highs.end(), entrant.interval.low) - highs.begin();
      entrant.state = may_be_below < static_cast<std::ptrdiff_t>(K)    ? RaceState::in
                      : surely_below >= static_cast<std::ptrdiff_t>(K) ? RaceState::out
                                                                       : RaceState::open;
    }
  }

  /// Fall of the chance that a neuron is on the wrong side of the threshold, for the cost of another item.
  double gain(std::size_t e) const {
    const RaceEstimate& entrant = verdict_.entrants[e];
    if (typical_error_[e] <= 0) return 0;
    const double distance = std::abs(entrant.mean - threshold_) / typical_error_[e];
    const boost::math::normal normal;
    const double z = std::max(distance, kLeastDistance);
    return z * boost::math::pdf(normal, z) /
           (static_cast<double>(std::max<std::int64_t>(1, entrant.n)) * field_.arm_cost[e]);
  }

  /// Gives more items to open neurons. False when none could be given.
  bool deepen() {
    std::vector<std::pair<double, std::size_t>> open;
    for (std::size_t e = 0; e < E_; ++e) {
      if (verdict_.entrants[e].state == RaceState::open && std::isfinite(depth_[e])) open.emplace_back(-gain(e), e);
    }
    std::sort(open.begin(), open.end());
    double round = std::min(kRoundShare * spec_.max_forwards, spec_.max_forwards - verdict_.forwards);
    bool deeper = false;
    std::vector<bool> items(P_);
    for (const auto& [order, e] : open) {
      const double depth = samples_[e].depth_of(kGrowth * wanted_[e]);
      const double cost = cost_of(e, depth_[e], depth, items);
      if (cost > round) continue;
      round -= cost;
      wanted_[e] *= kGrowth;
      go_deeper(e, depth, items);
      deeper = true;
    }
    return deeper;
  }

  RaceVerdict finish() {
    std::vector<RecallEntrant> entrants;
    for (std::size_t e = 0; e < E_; ++e) {
      const RaceEstimate& entrant = verdict_.entrants[e];
      const ScreenedNeuron screened{static_cast<float>(reach_[e]),
                                    static_cast<float>(mean_of(row(field_.screen, e, P_)))};
      entrants.push_back({entrant.mean, entrant.standard_error, screened, entrant.place > 0});
      verdict_.effects += entrant.n;
    }
    const auto recall = estimate_recall(entrants, field_.others, spec_.top, derive_seed(spec_.seed, "recall"));
    verdict_.recall = recall.recall;
    verdict_.recall_interval = recall.interval;
    return std::move(verdict_);
  }

  const RaceField& field_;
  const RaceSpec& spec_;
  std::size_t E_, P_;
  std::vector<RaceSample> samples_;
  std::vector<double> reach_;          // [E] mean over items
  std::vector<double> wanted_;         // [E] expected items
  std::vector<double> depth_;          // [E]
  std::vector<double> typical_error_;  // [E]
  double threshold_ = 0;
  RaceVerdict verdict_;
};

}  // namespace

RaceStep advance_race(const RaceField& field, const RaceSpec& spec) {
  return Replay(field, spec).run();
}

}  // namespace neurosweep
