#pragma once

#include "experiments/experiment.hpp"
#include "experiments/neuron_choice.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a minimize experiment.
struct MinimizeSpec {
  std::string kind, name;
  std::string from;
  Selection selection{{}, {}, "validate", 16};
  std::string proof_split = "test";
  std::int64_t proof_items = 40;
  std::int64_t top = 30;
  bool pooled = true;
  double share = 0.9;
  std::string metric = "reasoning_logprob";
  std::int64_t random_sets = 5;
  std::int64_t pairs = 0;
  InterventionKeys intervention;
  std::int64_t rows = 64;
  std::int64_t sets_per_unit = 128;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.required("from", from, "the sweep, identify or race experiment whose critical sets are made smaller");
    selection.visit_keys(v);
    v.optional("proof_split", proof_split, "items that the search does not see: identify, validate or test");
    v.optional("proof_items", proof_items, "items of each task for the proof; 0: all of the split", kNotNegative);
    v.optional("top", top, "neurons of the critical set that are searched", kPositive);
    v.optional("pooled", pooled, "true: one set over all tasks; false: each task's own set");
    v.optional("share", share, "of the joint effect that the minimal set must have, above 0 and up to 1",
               Range{1e-6, 1});
    v.optional("metric", metric, "effect searched by: reasoning_logprob or answer_logprob");
    v.optional("random_sets", random_sets, "matched random sets of the minimal set's size and layers", Range{0, 99});
    v.optional("pairs", pairs, "top neurons whose pair interactions are measured; 0: none", kNotNegative);
    intervention.visit_keys(v);
    v.optional("rows", rows, "sets in one forward", kPositive);
    v.optional("sets_per_unit", sets_per_unit, "sets in one unit of work", kPositive);
  }
};

/// Grows and prunes a critical set to a minimal one that has a stated share of its joint effect, in rounds; proves the
/// share on held-out items against matched random sets; and measures how pairs of its neurons interact. The minimal
/// set is stored as a critical set too: a suppress experiment can start `from` it.
std::unique_ptr<Experiment> make_minimize(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
