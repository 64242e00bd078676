#include "framework/rank/push_gradients.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "framework/base/error.hpp"
#include "framework/base/ids.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/directions.hpp"

namespace neurosweep {

namespace {

/// Summed slopes of a model by task; kAllTasks holds the pool.
std::map<std::string, std::vector<double>> sum_gradients(const Database& db, const PushGradientSpec& spec,
                                                         const std::string& model) {
  std::map<std::string, std::vector<double>> sums;
  const char* tail =
      "WHERE metric = ? AND model = ? AND round_id IN (SELECT round_id FROM round WHERE experiment = ?) "
      "ORDER BY round_id, unit, seq";
  db.for_each<ScreenBlockRow>(tail, {std::string(kPushGradientMetric), model, spec.experiment},
                              [&](ScreenBlockRow&& row) {
                                for (const std::string& task : {row.task, std::string(kAllTasks)}) {
                                  auto& sum = sums[task];
                                  sum.resize(row.effects.size());
                                  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += row.effects[i];
                                }
                              });
  return sums;
}

std::vector<std::int64_t> steepest(const std::vector<double>& slopes, std::int64_t K) {
  std::vector<std::int64_t> order(slopes.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return std::abs(slopes[static_cast<std::size_t>(a)]) > std::abs(slopes[static_cast<std::size_t>(b)]);
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(K)));
  return order;
}

}  // namespace

void rank_gradients(Database& db, const PushGradientSpec& spec) {
  std::vector<NeuronDirection> directions;
  std::vector<NeuronScoreRow> scores;
  for (const std::string& name : spec.models) {
    const auto model = db.select<ModelRow>("WHERE name = ?", {name});
    ensure(model.size() == 1, "a model of the study is in its store");
    const auto sums = sum_gradients(db, spec, name);
    if (sums.empty()) {
      throw input_error("experiment '{}': no gradient of model '{}' was measured: its attempts never disagree",
                        spec.experiment, name);
    }
    for (const auto& [task, slopes] : sums) {
      NeuronDirection direction{name, task, {}};
      for (const std::int64_t i : steepest(slopes, spec.K)) {
        const double slope = slopes[static_cast<std::size_t>(i)];
        direction.neurons.push_back({neuron_at(i, model.front().n_neurons_per_layer), slope, slope});
      }
      for (std::size_t i = 0; i < slopes.size(); ++i) {
        const NeuronId id = neuron_at(static_cast<std::int64_t>(i), model.front().n_neurons_per_layer);
        scores.push_back({spec.experiment, name, task, to_int(id.layer), to_int(id.neuron), std::abs(slopes[i])});
      }
      const double norm = direction_norm(direction);
      if (norm <= 0) continue;
      for (PushedNeuron& neuron : direction.neurons) neuron.value /= norm;
      directions.push_back(std::move(direction));
    }
  }
  replace_derived(db, spec.experiment, scores);
  write_directions(db, spec.experiment, "gradient", directions);
}

}  // namespace neurosweep
