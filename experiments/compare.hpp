#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a compare experiment.
struct CompareKeys {
  std::string kind, name;
  std::vector<std::string> of;
  std::string truth;
  std::string metric = "reasoning_logprob";
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t top = 50;
  std::int64_t resamples = 200;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required("of", of, "earlier experiments that selected neurons, of any kind; two at least");
    v.optional("truth", truth, "sweep of all neurons (or race) that selections are held against; \"\": none");
    v.optional("metric", metric, "of the truth");
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks; []: all");
    v.optional("top", top, "neurons of each selection that are compared", kPositive);
    v.optional("resamples", resamples, "of items, to see how stable a contrast is", Range{100, 1e6});
  }
};

/// Ways to find neurons side by side: overlap, agreement with exact effects, stability. Measures nothing itself.
std::unique_ptr<Experiment> make_compare(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
