#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a template experiment.
struct TemplateKeys {
  std::string kind, name;
  std::string from;
  std::string neurons;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t top = 50;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required("from", from, "the trace experiment whose successful attempts make the template");
    v.required("neurons", neurons, "the experiment whose critical sets say which neurons it holds");
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks; []: all");
    v.optional("top", top, "neurons: the first of each set", kPositive);
  }
};

/// Success patterns: mean and spread of chosen neurons over successful attempts, by task. Measures nothing itself.
std::unique_ptr<Experiment> make_template(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
