#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a gradient experiment.
struct GradientKeys {
  std::string kind, name;
  std::string from;
  Selection selection{{}, {}, "identify", 0};
  std::int64_t top = 50;
  std::int64_t pairs = 2;
  std::int64_t items_per_unit = 20;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.optional("from", from,
               "a trace experiment: log p of its correct minus its incorrect attempts, those cut short left out; \"\": "
               "log p of "
               "the tasks' targets");
    selection.visit_keys(v);
    v.optional("top", top, "neurons selected, by the size of the mean gradient", kPositive);
    v.optional("pairs", pairs, "correct and incorrect attempts compared at each item, at most; with `from`", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
  }
};

/// Neurons and directions that are causal by construction: the mean slope of log p(correct), or of log p(correct) minus
/// log p(incorrect), by a constant added to each neuron. The direction of the selected ones has norm 1.
std::unique_ptr<Experiment> make_gradient(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
