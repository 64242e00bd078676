#include <algorithm>
#include <map>
#include <numeric>

#include "framework/base/error.hpp"
#include "framework/rank/scores.hpp"

namespace neurosweep {
namespace {

constexpr const char* kMetric = "reasoning_logprob";

/// Estimated effects of suppressing each neuron, summed over items.
struct Estimates {
  std::vector<double> sums;  ///< [L*M]
  std::int64_t items = 0;
};

std::map<std::string, Estimates> read_estimates(const Database& db, const ContrastSpec& spec,
                                                const std::string& model) {
  std::map<std::string, Estimates> by_task;
  db.for_each<ScreenBlockRow>(
      "WHERE round_id IN (SELECT round_id FROM round WHERE experiment = ?) AND model = ? AND metric = ? AND "
      "n_nonfinite = 0 ORDER BY round_id, unit, seq",
      {spec.trace_experiment, model, kMetric}, [&](const ScreenBlockRow& block) {
        if (std::ranges::find(spec.tasks, block.task) == spec.tasks.end()) return;
        for (const std::string& task : {block.task, std::string(kAllTasks)}) {
          Estimates& estimates = by_task[task];
          estimates.sums.resize(block.effects.size(), 0);
          for (std::size_t i = 0; i < block.effects.size(); ++i) estimates.sums[i] += block.effects[i];
          ++estimates.items;
        }
      });
  return by_task;
}

/// Flat indices of the K lowest sums; ties by index.
std::vector<std::int64_t> lowest(const std::vector<double>& sums, std::int64_t K) {
  std::vector<std::int64_t> order(sums.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return sums[static_cast<std::size_t>(a)] < sums[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(K)));
  return order;
}

}  // namespace

void reduce_attribution(Database& db, const ContrastSpec& spec) {
  std::vector<NeuronScoreRow> scores;
  std::vector<CriticalSetRow> selected;
  for (const std::string& name : spec.models) {
    const std::int64_t M = read_model(db, name).n_neurons_per_layer;
    for (const auto& [task, estimates] : read_estimates(db, spec, name)) {
      const auto mean = [&, items = static_cast<double>(estimates.items), &sums = estimates.sums](std::int64_t flat) {
        return sums[static_cast<std::size_t>(flat)] / items;
      };
      const auto N = static_cast<std::int64_t>(estimates.sums.size());
      for (std::int64_t flat = 0; flat < N; ++flat) {
        const NeuronId id = neuron_at(flat, M);
        scores.push_back({spec.experiment, name, task, to_int(id.layer), to_int(id.neuron), -mean(flat)});
      }
      std::int64_t rank_no = 0;
      for (const std::int64_t flat : lowest(estimates.sums, spec.K)) {
        const NeuronId id = neuron_at(flat, M);
        selected.push_back(
            {spec.experiment, name, task, ++rank_no, to_int(id.layer), to_int(id.neuron), mean(flat), "attribution"});
      }
    }
  }
  if (scores.empty()) {
    throw input_error("attribution '{}': race '{}' left no screen of its models and tasks", spec.experiment,
                      spec.trace_experiment);
  }
  replace_derived(db, spec.experiment, scores);
  replace_derived(db, spec.experiment, selected);
}

}  // namespace neurosweep
