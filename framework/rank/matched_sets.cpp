#include "framework/rank/matched_sets.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/counter_rng.hpp"

namespace neurosweep {
namespace {

using LayerCounts = std::map<LayerIndex, std::int64_t>;
using LayerPools = std::map<LayerIndex, std::vector<NeuronId>>;

LayerPools pools_of(const LayerCounts& counts, std::int64_t M, const std::set<NeuronId>& taken) {
  LayerPools pools;
  for (const auto& [layer, needed] : counts) {
    std::vector<NeuronId>& pool = pools[layer];
    for (std::int64_t i = 0; i < M; ++i) {
      const NeuronId id{layer, static_cast<NeuronIndex>(i)};
      if (!taken.contains(id)) pool.push_back(id);
    }
    if (static_cast<std::int64_t>(pool.size()) < needed) {
      throw input_error(
          "layer {}: a matched random set needs {} neurons outside the critical set, {} of {} are left: choose fewer "
          "(top)",
          to_int(layer), needed, pool.size(), M);
    }
  }
  return pools;
}

/// Moves `count` draws without replacement to the front: the start of a Fisher-Yates shuffle.
void shuffle_front(std::vector<NeuronId>& pool, std::int64_t count, CounterRng& rng) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t left = pool.size() - static_cast<std::uint64_t>(i);
    std::swap(pool[i], pool[i + rng.below(left)]);
  }
}

}  // namespace

std::vector<std::vector<NeuronId>> make_matched_sets(std::span<const NeuronId> critical, std::int64_t M,
                                                     std::int64_t count, std::uint64_t seed,
                                                     std::span<const NeuronId> excluded) {
  std::set<NeuronId> taken(critical.begin(), critical.end());
  taken.insert(excluded.begin(), excluded.end());
  LayerCounts counts;
  for (const NeuronId& id : critical) ++counts[id.layer];
  const LayerPools pools = pools_of(counts, M, taken);
  std::vector<std::vector<NeuronId>> sets;
  for (std::int64_t number = 0; number < count; ++number) {
    CounterRng rng(derive_seed(seed, fmt::format("matched set {}", number)));
    std::vector<NeuronId>& set = sets.emplace_back();
    for (const auto& [layer, needed] : counts) {
      std::vector<NeuronId> pool = pools.at(layer);
      shuffle_front(pool, needed, rng);
      set.insert(set.end(), pool.begin(), pool.begin() + needed);
    }
    std::sort(set.begin(), set.end());
  }
  return sets;
}

}  // namespace neurosweep
