#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a learn experiment.
struct LearnKeys {
  std::string kind, name;
  std::string from;
  Selection selection{{}, {}, "identify", 0};
  std::int64_t top = 50;
  bool pooled = false;
  std::int64_t steps = 60;
  std::int64_t batch = 64;
  double rate = 0.01;
  double max_norm = 2;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required("from", from, "the experiment whose critical sets say which neurons may be pushed");
    selection.visit_keys(v);
    v.optional("top", top, "neurons pushed: the first of the set", kPositive);
    v.optional("pooled", pooled, "true: one direction for all tasks; false: one for each task, from its own set");
    v.optional("steps", steps, "steps of the optimisation", kPositive);
    v.optional("batch", batch, "items in one step", kPositive);
    v.optional("rate", rate, "largest change of a constant in one step; falls to 0", Range{1e-6, 10});
    v.optional("max_norm", max_norm, "most that all constants together may become, Euclidean", Range{1e-6, 1e6});
  }
};

/// Constants added to chosen neurons, learned so that the tasks' targets become likelier: a direction by optimisation,
/// one unit of work for each model and task.
std::unique_ptr<Experiment> make_learn(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
