#include "framework/rank/critical_set.hpp"

#include <algorithm>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

constexpr const char* kSetsSql = R"(
SELECT c.source, c.model, c.task, c.layer, c.neuron, c.score,
       (SELECT min(e.q) FROM neuron_effect AS e
        WHERE e.experiment = c.experiment AND e.model = c.model AND e.task = c.task AND e.layer = c.layer
          AND e.neuron = c.neuron AND e.role = 'candidate' AND e.mean = c.score)
FROM critical_set AS c WHERE c.experiment = ? ORDER BY c.model, c.task, c.rank_no)";

std::string names_of(const std::vector<CriticalSet>& sets) {
  std::string names;
  for (const CriticalSet& set : sets) {
    names += fmt::format("{}model '{}' task '{}'", names.empty() ? "" : ", ", set.model, set.task);
  }
  return names.empty() ? "none" : names;
}

}  // namespace

std::vector<CriticalSet> read_critical_sets(const Database& db, const std::string& experiment) {
  Statement statement = db.connection().prepare(kSetsSql);
  statement.bind(1, experiment);
  std::vector<CriticalSet> sets;
  while (statement.step()) {
    const std::string model = statement.text(1);
    const std::string task = statement.text(2);
    if (sets.empty() || sets.back().model != model || sets.back().task != task) {
      sets.push_back({experiment, statement.text(0), model, task, {}});
    }
    CriticalNeuron neuron{
        {static_cast<LayerIndex>(statement.integer(3)), static_cast<NeuronIndex>(statement.integer(4))}};
    statement.read(5, neuron.effect);
    if (!statement.is_null(6)) statement.read(6, neuron.q);
    sets.back().neurons.push_back(neuron);
  }
  return sets;
}

CriticalSet read_critical_set(const Database& db, const std::string& experiment, const std::string& model,
                              const std::string& task) {
  std::vector<CriticalSet> sets = read_critical_sets(db, experiment);
  const auto found = std::find_if(sets.begin(), sets.end(),
                                  [&](const CriticalSet& set) { return set.model == model && set.task == task; });
  if (found == sets.end()) {
    throw input_error(
        "{}: experiment '{}' has no critical set of model '{}' for task '{}' (sets there: {}): run it on more "
        "prompts, or raise fdr or top",
        db.path(), experiment, model, task, names_of(sets));
  }
  return std::move(*found);
}

}  // namespace neurosweep
