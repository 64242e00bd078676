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
constexpr std::size_t kDonors = 12;   // measured neurons that an unmeasured one may resemble
constexpr double kFar = 6;            // standard errors: what is further away happens in no world
constexpr double kErrorSpread = 0.7;  // of the log of all standard errors: they are estimates of few items

double draw_normal(CounterRng& rng) {
  const double radius = std::sqrt(-2 * std::log1p(-rng.uniform()));
  return radius * std::cos(2 * std::numbers::pi * rng.uniform());
}

class Worlds {
 public:
  Worlds(std::span<const RecallEntrant> entrants, std::span<const ScreenedNeuron> others, std::int64_t top,
         std::uint64_t seed)
      : entrants_(entrants.begin(), entrants.end()), top_(static_cast<double>(top)), rng_(seed) {
    std::stable_sort(entrants_.begin(), entrants_.end(), [](const RecallEntrant& a, const RecallEntrant& b) {
      return a.screened.reach < b.screened.reach;
    });
    keep_possible(others);
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
      for (; next_missed < missed.size() && missed[next_missed] < means_[e]; ++next_missed) placed += 1;
      placed += 1;
      if (placed > top_) break;
      found += entrants_[e].given ? 1 : 0;
    }
    return found / top_;
  }

 private:
  /// An unmeasured neuron, with the first of its donors by reach.
  struct Other {
    ScreenedNeuron screened;
    std::size_t first_donor = 0;
  };

  std::size_t donors() const { return std::min(kDonors, entrants_.size()); }

  /// Mean of an unmeasured neuron like a donor whose mean is `donor_mean`.
  static double like(const ScreenedNeuron& other, const ScreenedNeuron& donor, double donor_mean) {
    const double scale = donor.reach > 0 ? other.reach / donor.reach : 1;
    return other.effect + scale * (donor_mean - donor.effect);
  }

  /// Keeps the unmeasured neurons that may come to stand in the top of some world.
  void keep_possible(std::span<const ScreenedNeuron> others) {
    std::vector<double> highest;
    for (const RecallEntrant& entrant : entrants_) highest.push_back(entrant.mean + kFar * entrant.standard_error);
    std::sort(highest.begin(), highest.end());
    const double limit = highest[std::min(highest.size(), static_cast<std::size_t>(top_)) - 1];
    for (const ScreenedNeuron& neuron : others) {
      const auto above =
          std::upper_bound(entrants_.begin(), entrants_.end(), neuron.reach,
                           [](float reach, const RecallEntrant& entrant) { return reach < entrant.screened.reach; });
      const auto place = static_cast<std::size_t>(above - entrants_.begin());
      const Other other{neuron, std::min(place - std::min(place, kDonors / 2), entrants_.size() - donors())};
      double lowest = limit;
      for (std::size_t d = other.first_donor; d < other.first_donor + donors(); ++d) {
        const RecallEntrant& donor = entrants_[d];
        lowest = std::min(lowest, like(neuron, donor.screened, donor.mean - kFar * donor.standard_error));
      }
      if (lowest < limit) others_.push_back(other);
    }
  }

  /// Means of unmeasured neurons below `limit`, ascending.
  std::vector<double> draw_missed(double limit) {
    std::vector<double> missed;
    for (const Other& other : others_) {
      const std::size_t donor = other.first_donor + rng_.below(donors());
      const double mean = like(other.screened, entrants_[donor].screened, means_[donor]);
      if (mean < limit) missed.push_back(mean);
    }
    std::sort(missed.begin(), missed.end());
    return missed;
  }

  std::vector<RecallEntrant> entrants_;
  double top_;
  CounterRng rng_;
  std::vector<Other> others_;
  std::vector<double> means_;
};

}  // namespace

RecallEstimate estimate_recall(std::span<const RecallEntrant> entrants, std::span<const ScreenedNeuron> others,
                               std::int64_t top, std::uint64_t seed) {
  const auto neurons = static_cast<std::int64_t>(entrants.size() + others.size());
  Worlds worlds(entrants, others, std::min(top, neurons), seed);
  std::vector<double> recalls;
  for (int i = 0; i < kWorlds; ++i) recalls.push_back(worlds.draw());
  const double mean = std::accumulate(recalls.begin(), recalls.end(), 0.0) / kWorlds;
  const auto K = static_cast<double>(std::min(top, neurons));  // a recall is a whole number of K-ths
  return {mean, {std::floor(quantile(recalls, 0.025) * K) / K, std::ceil(quantile(recalls, 0.975) * K) / K}};
}

}  // namespace neurosweep
