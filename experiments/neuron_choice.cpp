#include "experiments/neuron_choice.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "experiments/selection.hpp"
#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/intervene/kinds.hpp"
#include "framework/rank/critical_set.hpp"

namespace neurosweep {

std::vector<NeuronId> all_neurons(const ArchSpec& arch) {
  std::vector<NeuronId> neurons;
  for (std::int64_t flat = 0; flat < arch.L * arch.M; ++flat) neurons.push_back(neuron_at(flat, arch.M));
  return neurons;
}

void check_members(std::int64_t members, const std::string& experiment, const char* remedy) {
  if (members <= kMostMembers) return;
  throw input_error("experiment '{}': its plan would have {} rows of neurons, and at most {} are possible: {}",
                    experiment, members, kMostMembers, remedy);
}

std::vector<NeuronId> best_neurons(const Database& db, const std::string& experiment, const std::string& model,
                                   const std::vector<std::string>& sets, std::int64_t top) {
  std::set<NeuronId> chosen;
  for (const CriticalSet& set : read_critical_sets(db, experiment)) {
    if (set.model != model || std::find(sets.begin(), sets.end(), set.task) == sets.end()) continue;
    const auto count = std::min<std::size_t>(set.neurons.size(), static_cast<std::size_t>(top));
    for (std::size_t i = 0; i < count; ++i) chosen.insert(set.neurons[i].id);
  }
  return {chosen.begin(), chosen.end()};
}

namespace {

/// How many controls each layer gets: the candidates' shares, by largest remainders.
std::map<LayerIndex, std::int64_t> layer_quotas(const std::vector<NeuronId>& candidates, std::int64_t count) {
  std::map<LayerIndex, std::int64_t> of_layer;
  for (const NeuronId& id : candidates) ++of_layer[id.layer];
  std::vector<std::pair<double, LayerIndex>> remainders;
  std::map<LayerIndex, std::int64_t> quotas;
  std::int64_t given = 0;
  for (const auto& [layer, n] : of_layer) {
    const double exact = static_cast<double>(count) * static_cast<double>(n) / static_cast<double>(candidates.size());
    quotas[layer] = static_cast<std::int64_t>(exact);
    given += quotas[layer];
    remainders.emplace_back(static_cast<double>(quotas[layer]) - exact, layer);
  }
  std::sort(remainders.begin(), remainders.end());
  for (std::size_t i = 0; given < count; ++i, ++given) ++quotas[remainders[i % remainders.size()].second];
  return quotas;
}

}  // namespace

std::vector<NeuronId> draw_controls(const std::vector<NeuronId>& candidates, const ArchSpec& arch, std::int64_t count,
                                    std::uint64_t seed) {
  const bool all = static_cast<std::int64_t>(candidates.size()) == arch.L * arch.M;
  const std::set<NeuronId> taken(candidates.begin(), candidates.end());
  std::vector<NeuronId> controls;
  if (candidates.empty()) return controls;
  for (const auto& [layer, quota] : layer_quotas(candidates, count)) {
    std::vector<std::pair<std::uint64_t, NeuronId>> pool;
    for (std::int64_t i = 0; i < arch.M; ++i) {
      const NeuronId id{layer, NeuronIndex(i)};
      if (!all && taken.count(id)) continue;
      pool.emplace_back(derive_seed(seed, fmt::format("control|{}|{}", to_int(id.layer), to_int(id.neuron))), id);
    }
    const auto n = std::min(quota, static_cast<std::int64_t>(pool.size()));
    std::partial_sort(pool.begin(), pool.begin() + n, pool.end());
    for (std::int64_t i = 0; i < n; ++i) controls.push_back(pool[i].second);
  }
  std::sort(controls.begin(), controls.end());
  return controls;
}

std::vector<float> reference_means(const Database& db, const std::string& trace_experiment, const std::string& model) {
  std::vector<double> sums;
  std::int64_t traces = 0;
  db.for_each<ActivationMeanRow>(
      "WHERE EXISTS (SELECT 1 FROM trace AS t JOIN round AS r USING (round_id) WHERE t.round_id = "
      "activation_mean.round_id"
      " AND t.unit = activation_mean.unit AND t.seq = activation_mean.seq AND r.experiment = ? AND t.model = ?)"
      " ORDER BY round_id, unit, seq",
      {trace_experiment, model}, [&](ActivationMeanRow&& row) {
        sums.resize(row.mean_values.size());
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += row.mean_values[i];
        ++traces;
      });
  if (traces == 0) {
    throw input_error("experiment '{}' left no activations of model '{}': nothing to take means from", trace_experiment,
                      model);
  }
  std::vector<float> means;
  for (double sum : sums) means.push_back(static_cast<float>(sum / static_cast<double>(traces)));
  return means;
}

void InterventionKeys::check(const StudySpec& study, const ExperimentSpec& spec) const {
  try {
    intervention_kind(op);
    span_of(span);
  } catch (const Error& failure) {
    throw input_error("{}: experiment '{}': {}", to_text(spec.table.place), spec.name, failure.what());
  }
  if (op == "mean") earlier_experiment(study, spec, "mean_from", mean_from, {"trace"});
}

std::vector<float> InterventionKeys::values(const Database& so_far, const std::string& model) const {
  if (op != "mean") return {};
  return reference_means(so_far, mean_from, model);
}

}  // namespace neurosweep
