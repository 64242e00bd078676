#include "framework/rank/templates.hpp"

#include <algorithm>
#include <cmath>

#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/stats.hpp"
#include "framework/rank/trace_reader.hpp"

namespace neurosweep {

namespace {

/// Activations of one neuron over attempts.
struct Pattern {
  NeuronId id;
  Moments success, failure;

  /// Distance of success from failure in standard deviations of success; 0 when nothing failed or nothing varies.
  double distance() const {
    return failure.n > 0 && success.sd() > 0 ? std::abs(success.mean - failure.mean) / success.sd() : 0;
  }
};

std::vector<Pattern> read_patterns(const Database& db, const TemplateSpec& spec, const ModelRow& model,
                                   const CriticalSet& set) {
  std::vector<Pattern> patterns;
  for (const CriticalNeuron& neuron : set.neurons) {
    if (static_cast<std::int64_t>(patterns.size()) < spec.K) patterns.push_back({neuron.id, {}, {}});
  }
  const auto tasks = set.task == kAllTasks ? spec.tasks : std::vector<std::string>{set.task};
  for (const TraceKey& key : read_traces(db, spec.trace_experiment, model.name, tasks, "activation_mean")) {
    const auto means = read_means(db, key, model.n_layers * model.n_neurons_per_layer);
    for (Pattern& pattern : patterns) {
      const auto flat = static_cast<std::size_t>(flat_index(pattern.id, model.n_neurons_per_layer));
      (key.correct != 0 ? pattern.success : pattern.failure).add(means[flat]);
    }
  }
  std::stable_sort(patterns.begin(), patterns.end(),
                   [](const Pattern& a, const Pattern& b) { return a.distance() > b.distance(); });
  return patterns;
}

}  // namespace

std::vector<std::string> make_templates(Database& db, const TemplateSpec& spec) {
  std::vector<SuccessTemplateRow> rows;
  std::vector<CriticalSetRow> members;
  std::vector<std::string> problems;
  for (const CriticalSet& set : read_critical_sets(db, spec.neurons_experiment)) {
    const bool wanted_task = set.task == kAllTasks || std::ranges::find(spec.tasks, set.task) != spec.tasks.end();
    if (!wanted_task || std::ranges::find(spec.models, set.model) == spec.models.end()) continue;
    const auto patterns = read_patterns(db, spec, read_model(db, set.model), set);
    if (patterns.empty() || patterns.front().success.n == 0) {
      problems.push_back(fmt::format("template '{}': '{}' holds no successful attempt of model '{}' at task '{}'",
                                     spec.experiment, spec.trace_experiment, set.model, set.task));
      log_warning("{}", problems.back());
      continue;
    }
    std::int64_t rank_no = 0;
    for (const Pattern& pattern : patterns) {
      const std::int64_t layer = to_int(pattern.id.layer), neuron = to_int(pattern.id.neuron);
      rows.push_back({spec.experiment, set.model, set.task, layer, neuron, pattern.success.n, pattern.success.mean,
                      pattern.success.sd()});
      members.push_back(
          {spec.experiment, set.model, set.task, ++rank_no, layer, neuron, pattern.distance(), "template"});
    }
  }
  replace_derived(db, spec.experiment, rows);
  replace_derived(db, spec.experiment, members);
  if (rows.empty()) {
    throw input_error(
        "template '{}': nothing to make one from: {}", spec.experiment,
        problems.empty() ? fmt::format("'{}' found no neuron", spec.neurons_experiment) : problems.front());
  }
  return problems;
}

}  // namespace neurosweep
