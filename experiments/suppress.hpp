#pragma once

#include "experiments/experiment.hpp"
#include "experiments/neuron_choice.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a suppress experiment.
struct SuppressSpec {
  std::string kind, name;
  std::string from;
  Selection selection{{}, {}, "test", 100};
  std::int64_t top = 20;
  bool pooled = true;
  std::int64_t random_sets = 5;
  InterventionKeys intervention;
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 10;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required(
        "from", from,
        "the sweep, identify, race or minimize experiment whose critical sets are suppressed, or what a transfer "
        "made of one");
    selection.visit_keys(v);
    v.optional("top", top, "neurons of the set that are suppressed together", kPositive);
    v.optional("pooled", pooled, "true: one set, found over all tasks; false: each task's own set");
    v.optional("random_sets", random_sets, "matched random sets of the same size and layers", Range{0, 99});
    intervention.visit_keys(v);
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
  }
};

/// Joint suppression of critical sets and of matched random sets on held-out items: accuracy of free generation and
/// log-probability of the correct completion, both paired by item. Test items judge no set that they chose.
std::unique_ptr<Experiment> make_suppress(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
