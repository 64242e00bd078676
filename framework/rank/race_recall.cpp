#include "framework/rank/race_recall.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "framework/rank/counter_rng.hpp"

namespace neurosweep {

namespace {

constexpr int kWorlds = 1000;
constexpr std::size_t kDonors = 12;           // measured neurons that an unmeasured one may resemble
constexpr std::size_t kRepresentatives = 64;  // of a run of unmeasured neurons between two donors
constexpr double kErrorSpread = 0.35;         // of the log of all standard errors: they are estimates of few items

double draw_normal(CounterRng& rng) {
  const double radius = std::sqrt(-2 * std::log1p(-rng.uniform()));
  return radius * std::cos(2 * std::numbers::pi * rng.uniform());
}

/// Unmeasured neurons that share their donors, thinned: each stands for `weight` neurons.
struct Representative {
  double reach = 0;
  double weight = 1;
  std::size_t first_donor = 0;  ///< of the donors by reach
};

std::vector<Representative> represent(std::span<const float> other_reach, std::span<const double> donor_reach) {
  std::vector<float> others(other_reach.begin(), other_reach.end());
  std::sort(others.begin(), others.end());
  std::vector<Representative> result;
  std::size_t begin = 0;
  for (std::size_t d = 0; d <= donor_reach.size(); ++d) {
    const auto end =
        d == donor_reach.size()
            ? others.size()
            : static_cast<std::size_t>(
                  std::upper_bound(others.begin(), others.end(), static_cast<float>(donor_reach[d])) - others.begin());
    const std::size_t count = end - begin, kept = std::min(count, kRepresentatives);
    const std::size_t last = donor_reach.size() - std::min(kDonors, donor_reach.size());
    const std::size_t first = std::min(d - std::min(d, kDonors / 2), last);
    for (std::size_t k = 0; k < kept; ++k) {
      result.push_back({others[begin + (2 * k + 1) * count / (2 * kept)],
                        static_cast<double>(count) / static_cast<double>(kept), first});
    }
    begin = end;
  }
  return result;
}

class Worlds {
 public:
  Worlds(std::span<const RecallEntrant> entrants, std::span<const float> other_reach, std::int64_t top,
         std::uint64_t seed)
      : entrants_(entrants.begin(), entrants.end()), top_(static_cast<double>(top)), rng_(seed) {
    std::stable_sort(entrants_.begin(), entrants_.end(),
                     [](const RecallEntrant& a, const RecallEntrant& b) { return a.reach < b.reach; });
    std::vector<double> reach;
    for (const RecallEntrant& entrant : entrants_) reach.push_back(entrant.reach);
    others_ = represent(other_reach, reach);
  }

  /// Recall of the given set in one random world.
  double draw() {
    means_.clear();
    const double scale = std::exp(kErrorSpread * draw_normal(rng_));
    for (const RecallEntrant& entrant : entrants_) {
      means_.push_back(entrant.mean + scale * entrant.standard_error * draw_normal(rng_));
    }
    std::vector<std::size_t> order(means_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return means_[a] < means_[b]; });
    const auto missed = draw_missed(means_[order[std::min(order.size(), static_cast<std::size_t>(top_)) - 1]]);
    double found = 0, placed = 0;
    std::size_t next_missed = 0;
    for (const std::size_t e : order) {
      for (; next_missed < missed.size() && missed[next_missed].first < means_[e]; ++next_missed) {
        placed += missed[next_missed].second;
      }
      placed += 1;
      if (placed > top_) break;
      found += entrants_[e].given ? 1 : 0;
    }
    return found / top_;
  }

 private:
  /// Unmeasured neurons below `limit` as (mean, weight), ascending.
  std::vector<std::pair<double, double>> draw_missed(double limit) {
    std::vector<std::pair<double, double>> missed;
    const std::size_t donors = std::min(kDonors, entrants_.size());
    for (const Representative& other : others_) {
      const std::size_t donor = other.first_donor + rng_.below(donors);
      const double scale = entrants_[donor].reach > 0 ? other.reach / entrants_[donor].reach : 1;
      const double mean = means_[donor] * scale;
      if (mean < limit) missed.emplace_back(mean, other.weight);
    }
    std::sort(missed.begin(), missed.end());
    return missed;
  }

  std::vector<RecallEntrant> entrants_;
  double top_;
  CounterRng rng_;
  std::vector<Representative> others_;
  std::vector<double> means_;
};

}  // namespace

RecallEstimate estimate_recall(std::span<const RecallEntrant> entrants, std::span<const float> other_reach,
                               std::int64_t top, std::uint64_t seed) {
  const auto neurons = static_cast<std::int64_t>(entrants.size() + other_reach.size());
  Worlds worlds(entrants, other_reach, std::min(top, neurons), seed);
  std::vector<double> recalls;
  for (int i = 0; i < kWorlds; ++i) recalls.push_back(worlds.draw());
  const double mean = std::accumulate(recalls.begin(), recalls.end(), 0.0) / kWorlds;
  const auto K = static_cast<double>(std::min(top, neurons));  // a recall is a whole number of K-ths
  return {mean, {std::floor(quantile(recalls, 0.025) * K) / K, std::ceil(quantile(recalls, 0.975) * K) / K}};
}

}  // namespace neurosweep
