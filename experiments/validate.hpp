#pragma once

#include "experiments/experiment.hpp"
#include "experiments/neuron_choice.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a validate experiment.
struct ValidateSpec {
  std::string kind, name;
  std::string from;
  Selection selection{{}, {}, "test", 60};
  std::int64_t top = 20;
  std::int64_t random_sets = 3;
  InterventionKeys intervention;
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 10;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required("from", from, "the experiment whose critical sets are suppressed: each task's own, and the pooled one");
    selection.visit_keys(v);
    v.optional("top", top, "neurons of each set that are suppressed together", kPositive);
    v.optional("random_sets", random_sets, "matched random sets beside each set", Range{1, 99});
    intervention.visit_keys(v);
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
  }
};

/// Suppresses every task's critical set on the items of every task, beside matched random sets: which sets are general
/// and which belong to one task. Test items judge no set that they chose.
std::unique_ptr<Experiment> make_validate(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
