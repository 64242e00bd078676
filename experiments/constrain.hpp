#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a constrain experiment.
struct ConstrainKeys {
  std::string kind, name;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::vector<std::string> guarded;
  std::int64_t items = 0;
  std::string policy;
  std::string envelope;
  bool pooled = true;
  double steering_cap = 0;
  std::string from;
  std::string file;
  double strength = 1;
  std::string scope = "generated";
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 20;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks that are answered; []: all");
    v.optional("guarded", guarded, "names of the tasks that the policy is meant for; []: all of them");
    v.optional("items", items, "items of each task, of the test split; 0: all of it", kNotNegative);
    v.optional("policy", policy,
               "a policy file (neurosweep policy); relative to the study file; a store goes on only with what it said");
    v.optional(
        "envelope", envelope,
        "instead of `policy`: the envelope experiment whose envelopes are kept to; two limits a neuron, and up to "
        "1,000,000 limits over all models and tasks");
    v.optional("pooled", pooled, "with `envelope`: true: one over all its tasks; false: each task's own");
    v.optional("steering_cap", steering_cap,
               "largest norm of steering over that of the layer's neurons, at a token; 0: the policy file's, or none",
               kNotNegative);
    v.optional(
        "from", from,
        "also steers: the identify, gradient, learn or template experiment that says which neurons and where to");
    v.optional("file", file, "instead of `from`: a steering file (neurosweep export); relative to the study file");
    v.optional("strength", strength, "alpha of that steering", kNotNegative);
    v.optional("scope", scope, "tokens steered: generated or all");
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
  }
};

/// What a policy does to answers: the model untouched and within the policy, and, with a direction, steered and steered
/// within it, on the test split, greedily decoded and paired by item; with every enforcement logged.
std::unique_ptr<Experiment> make_constrain(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
