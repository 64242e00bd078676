#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "framework/rank/counter_rng.hpp"
#include "framework/rank/race.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kEffectShare = 4;  // one in so many candidates is chosen by its first-order effect

/// The `count` numbers with the smallest key; ties by number.
std::vector<std::int64_t> smallest(std::vector<std::pair<double, std::int64_t>> keyed, std::int64_t count) {
  const auto kept = std::min(count, static_cast<std::int64_t>(keyed.size()));
  std::partial_sort(keyed.begin(), keyed.begin() + kept, keyed.end());
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < kept; ++i) chosen.push_back(keyed[static_cast<std::size_t>(i)].second);
  return chosen;
}

/// How many of `count` fall to each layer: the candidates' shares, by largest remainders.
std::map<std::int64_t, std::int64_t> layer_quotas(const std::vector<std::int64_t>& candidates, std::int64_t M,
                                                  std::int64_t count) {
  std::map<std::int64_t, std::int64_t> of_layer, quotas;
  for (const std::int64_t neuron : candidates) ++of_layer[neuron / M];
  std::vector<std::pair<std::int64_t, std::int64_t>> remainders;
  const auto n = static_cast<std::int64_t>(candidates.size());
  std::int64_t given = 0;
  for (const auto& [layer, members] : of_layer) {
    quotas[layer] = count * members / n;
    given += quotas[layer];
    remainders.emplace_back(-(count * members % n), layer);
  }
  std::sort(remainders.begin(), remainders.end());
  for (std::size_t i = 0; given < count; ++i, ++given) ++quotas[remainders[i % remainders.size()].second];
  return quotas;
}

}  // namespace

std::vector<Entrant> draw_entrants(std::span<const ScreenedNeuron> neurons, std::int64_t M, const RaceSpec& spec) {
  const auto N = static_cast<std::int64_t>(neurons.size());
  std::vector<double> uniform;
  CounterRng rng(spec.seed);
  for (std::int64_t i = 0; i < N; ++i) uniform.push_back(rng.uniform());

  std::vector<bool> taken(neurons.size());
  std::vector<Entrant> entrants;
  const auto enter = [&](const std::vector<std::int64_t>& chosen, RaceRole role) {
    for (const std::int64_t neuron : chosen) {
      taken[static_cast<std::size_t>(neuron)] = true;
      entrants.push_back({neuron, role});
    }
  };
  const auto keyed = [&](std::int64_t first, std::int64_t end, auto&& key) {
    std::vector<std::pair<double, std::int64_t>> pool;
    for (std::int64_t i = first; i < end; ++i) {
      if (!taken[static_cast<std::size_t>(i)]) pool.emplace_back(key(static_cast<std::size_t>(i)), i);
    }
    return pool;
  };

  const std::int64_t by_reach = spec.candidates - spec.candidates / kEffectShare;
  auto candidates = smallest(keyed(0, N, [&](std::size_t i) { return -double{neurons[i].reach}; }), by_reach);
  enter(candidates, RaceRole::candidate);
  const auto harmful =
      smallest(keyed(0, N, [&](std::size_t i) { return double{neurons[i].effect}; }), spec.candidates - by_reach);
  enter(harmful, RaceRole::candidate);
  candidates.insert(candidates.end(), harmful.begin(), harmful.end());
  for (const auto& [layer, quota] : layer_quotas(candidates, M, spec.controls)) {
    enter(smallest(keyed(layer * M, (layer + 1) * M, [&](std::size_t i) { return uniform[i]; }), quota),
          RaceRole::control);
  }
  // Sequential sampling with chances that grow with the reach.
  const auto waiting = [&](std::size_t i) {
    return -std::log1p(-uniform[i]) / std::max(1e-30, double{neurons[i].reach});
  };
  enter(smallest(keyed(0, N, waiting), spec.rest), RaceRole::rest);
  std::sort(entrants.begin(), entrants.end(), [](const Entrant& a, const Entrant& b) { return a.neuron < b.neuron; });
  return entrants;
}

}  // namespace neurosweep
