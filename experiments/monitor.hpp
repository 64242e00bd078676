#pragma once

#include "experiments/experiment.hpp"
#include "experiments/predict.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a monitor experiment.
struct MonitorSpec {
  std::string kind, name;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t items = 0;
  double temperature = 0;
  double top_p = 1;
  std::string neurons;
  std::int64_t features = 128;
  std::int64_t every = 4;
  std::string reads = "both";
  std::vector<double> false_alarms = {0.05, 0.1};
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 20;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks; []: all, watched by one monitor");
    v.optional("items", items,
               "items of each task and split, drawn by the study's seed (identify fits, one half of validate "
               "calibrates and the other sets thresholds, test is judged); 0: all",
               kNotNegative);
    v.optional("temperature", temperature, "of sampling, one reply an item; 0: greedy", kNotNegative);
    v.optional("top_p", top_p, "share of probability that is sampled from", Range{1e-6, 1});
    v.optional("neurons", neurons,
               "the earlier experiment whose critical sets are read; \"\": those of greatest F between the replies "
               "that fail and the others in identify");
    v.optional("features", features, "neurons read: the first of the sets, or so many of greatest F", kPositive);
    v.optional("every", every, "generated tokens between two readings", kPositive);
    v.optional("reads", reads,
               "what the exported monitor reads: neurons, output (the model's own confidence and length) or both");
    v.optional("false_alarms", false_alarms, "stated shares of right replies with an alarm, each with its threshold",
               Range{1e-4, 0.9});
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
  }

  /// The chosen items of a task in one split.
  std::vector<TaskItem> chosen(const Catalog& catalog, const std::string& task, const std::string& split) const {
    return Selection{models, tasks, split, items}.chosen(catalog, task);
  }

  /// The round whose units read: after the one that chooses neurons, where they are not given.
  std::int64_t reading_round() const { return neurons.empty() ? 1 : 0; }
};

/// Early warning: chosen neurons and the model's confidence are read while it replies, and say how likely the reply is
/// to be wrong; judged on held-out items beside simpler signals.
std::unique_ptr<Experiment> make_monitor(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
