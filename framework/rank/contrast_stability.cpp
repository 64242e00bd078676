#include "framework/rank/contrast_stability.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "framework/rank/counter_rng.hpp"

namespace neurosweep {
namespace {

/// Sums over the trace pairs of one item.
struct ItemSums {
  std::int64_t pairs = 0;
  std::vector<float> correct;    ///< [L*M]
  std::vector<float> incorrect;  ///< [L*M]
};

void add_to(std::vector<float>& sums, const std::vector<float>& values) {
  sums.resize(values.size(), 0);
  for (std::size_t i = 0; i < values.size(); ++i) sums[i] += values[i];
}

std::vector<ItemSums> read_items(const Database& db, const ContrastSpec& spec, const ModelRow& model,
                                 const std::string& task) {
  const auto tasks = task == kAllTasks ? spec.tasks : std::vector<std::string>{task};
  const auto pairs = pair_traces(read_traces(db, spec.trace_experiment, model.name, tasks, "activation_mean"));
  const std::int64_t neurons = model.n_layers * model.n_neurons_per_layer;
  std::map<std::pair<std::string, std::string>, ItemSums> items;
  for (const TracePair& pair : pairs) {
    ItemSums& sums = items[{pair.correct.task, pair.correct.item}];
    ++sums.pairs;
    add_to(sums.correct, read_means(db, pair.correct, neurons));
    add_to(sums.incorrect, read_means(db, pair.incorrect, neurons));
  }
  std::vector<ItemSums> list;
  for (auto& [name, sums] : items) list.push_back(std::move(sums));
  return list;
}

/// Selection from items that count `times` times each.
std::set<NeuronId> select(const std::vector<ItemSums>& items, const std::vector<int>& times, const ContrastSpec& spec,
                          std::int64_t M) {
  const std::size_t neurons = items.front().correct.size();
  ContrastScores scores{0, std::vector<double>(neurons), std::vector<double>(neurons), std::vector<double>(neurons)};
  for (std::size_t item = 0; item < items.size(); ++item) {
    if (times[item] == 0) continue;
    scores.pairs += times[item] * items[item].pairs;
    for (std::size_t i = 0; i < neurons; ++i) {
      scores.mean_correct[i] += times[item] * static_cast<double>(items[item].correct[i]);
      scores.mean_incorrect[i] += times[item] * static_cast<double>(items[item].incorrect[i]);
    }
  }
  for (std::size_t i = 0; i < neurons; ++i) {
    scores.mean_correct[i] /= static_cast<double>(scores.pairs);
    scores.mean_incorrect[i] /= static_cast<double>(scores.pairs);
    scores.score[i] = scores.mean_correct[i] - scores.mean_incorrect[i];
  }
  std::set<NeuronId> selected;
  for (const std::int64_t flat : rank_contrast(scores, spec.K, spec.polarity)) selected.insert(neuron_at(flat, M));
  return selected;
}

}  // namespace

double jaccard(const std::set<NeuronId>& a, const std::set<NeuronId>& b) {
  const auto shared = std::ranges::count_if(a, [&](const NeuronId& id) { return b.contains(id); });
  const auto either = static_cast<std::ptrdiff_t>(a.size() + b.size()) - shared;
  return either == 0 ? 1 : static_cast<double>(shared) / static_cast<double>(either);
}

std::optional<Stability> contrast_stability(const Database& db, const ContrastSpec& spec, const ModelRow& model,
                                            const std::string& task, std::int64_t resamples, std::uint64_t seed) {
  const auto items = read_items(db, spec, model, task);
  if (items.size() < 2) return std::nullopt;
  const std::int64_t M = model.n_neurons_per_layer;
  const auto whole = select(items, std::vector<int>(items.size(), 1), spec, M);
  CounterRng rng(seed);
  std::vector<double> overlaps;
  for (std::int64_t draw = 0; draw < resamples; ++draw) {
    std::vector<int> times(items.size(), 0);
    for (std::size_t i = 0; i < items.size(); ++i) ++times[rng.below(items.size())];
    overlaps.push_back(jaccard(select(items, times, spec, M), whole));
  }
  return Stability{moments_of(overlaps).mean, {quantile(overlaps, 0.025), quantile(overlaps, 0.975)}, resamples};
}

}  // namespace neurosweep
