#include "framework/rank/exact_effects.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/effect_fold.hpp"
#include "framework/rank/resampling.hpp"

namespace neurosweep {
namespace {

/// Appends a task's effects to every neuron's.
void append(ExactEffects& effects, const std::map<ArmKey, std::size_t>& arms, const EffectTable& table) {
  for (const auto& [key, number] : arms) {
    if (key.role != "candidate") continue;
    auto& all = effects.by_neuron[static_cast<std::size_t>(flat_index(key.id, effects.M))];
    const auto added = table.of_arm(number);
    all.insert(all.end(), added.begin(), added.end());
  }
}

void check_complete(const ExactEffects& effects, const std::string& sweep, const std::string& model) {
  const std::size_t items = effects.n_items();
  const auto complete =
      std::ranges::count_if(effects.by_neuron, [&](const auto& of_neuron) { return of_neuron.size() == items; });
  if (items > 0 && complete == static_cast<std::ptrdiff_t>(effects.by_neuron.size())) return;
  throw input_error(
      "truth '{}': {} of {} neurons of model '{}' were measured on the same items: take a sweep with candidates = "
      "\"all\" and one intervention",
      sweep, items == 0 ? 0 : complete, effects.by_neuron.size(), model);
}

}  // namespace

std::vector<double> ExactEffects::means() const {
  std::vector<double> means;
  for (const auto& of_neuron : by_neuron) means.push_back(moments_of(of_neuron).mean);
  return means;
}

std::optional<ExactEffects> read_exact_effects(const Database& db, const std::string& sweep, const std::string& metric,
                                               const ModelRow& model, const std::string& task) {
  const EffectFold fold = fold_effects(db, sweep);
  const auto tables = fold.tables.find({model.name, metric});
  if (tables == fold.tables.end()) return std::nullopt;
  ExactEffects effects{model.n_neurons_per_layer, {}};
  effects.by_neuron.resize(static_cast<std::size_t>(model.n_layers * model.n_neurons_per_layer));
  bool found = false;
  for (const auto& [name, table] : tables->second) {
    if (task != kAllTasks && task != name) continue;
    append(effects, fold.arms.at(model.name), table);
    found = true;
  }
  if (!found) return std::nullopt;
  check_complete(effects, sweep, model.name);
  return effects;
}

std::vector<NeuronId> most_harmful(const ExactEffects& effects, std::int64_t count) {
  const auto means = effects.means();
  std::vector<std::int64_t> order(means.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return means[static_cast<std::size_t>(a)] < means[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  std::vector<NeuronId> ids;
  for (const std::int64_t flat : order) ids.push_back(neuron_at(flat, effects.M));
  return ids;
}

SetHarm set_harm(const ExactEffects& effects, const std::set<NeuronId>& set, std::uint64_t seed) {
  std::map<LayerIndex, std::int64_t> of_layer;
  for (const NeuronId& id : set) ++of_layer[id.layer];
  const auto size = static_cast<double>(set.size());
  std::vector<double> own(effects.n_items(), 0), others(effects.n_items(), 0);
  for (const auto& [layer, count] : of_layer) {
    const auto left = static_cast<double>(effects.M - count);
    if (left == 0)
      throw input_error("layer {}: all its neurons are in the set, none is left to compare with", to_int(layer));
    for (std::int64_t neuron = 0; neuron < effects.M; ++neuron) {
      const NeuronId id{layer, static_cast<NeuronIndex>(neuron)};
      const bool member = set.contains(id);
      const double weight = member ? 1 / size : static_cast<double>(count) / size / left;
      const auto& of_neuron = effects.by_neuron[static_cast<std::size_t>(flat_index(id, effects.M))];
      for (std::size_t i = 0; i < own.size(); ++i) (member ? own : others)[i] += weight * of_neuron[i];
    }
  }
  std::vector<double> differences;
  for (std::size_t i = 0; i < own.size(); ++i) differences.push_back(own[i] - others[i]);
  SetHarm harm;
  harm.effect = moments_of(own);
  harm.random_effect = moments_of(others).mean;
  if (own.size() < 2) return harm;
  harm.interval = bootstrap_interval(own, {.seed = seed});
  harm.difference = bootstrap_interval(differences, {.seed = seed});
  harm.p = wilcoxon_signed_rank(differences, Tail::two_sided).p;
  return harm;
}

}  // namespace neurosweep
