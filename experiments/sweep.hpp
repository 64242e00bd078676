#pragma once

#include "experiments/experiment.hpp"
#include "experiments/neuron_choice.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a sweep experiment.
struct SweepSpec {
  std::string kind, name;
  Selection selection{{}, {}, "identify", 24};
  std::string candidates = kAllNeurons;
  std::int64_t top = 50;
  std::int64_t controls = 100;
  InterventionKeys intervention;
  bool accuracy = false;
  std::int64_t max_new_tokens = 128;
  std::int64_t rows = 64;
  std::int64_t arms_per_unit = 512;
  std::string metric = "reasoning_logprob";
  std::int64_t critical = 50;
  double fdr = 0.05;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    selection.visit_keys(v);
    v.optional("candidates", candidates, "neurons tried: \"all\", or the experiment that chose them");
    v.optional("top", top, "candidates taken from each set of that experiment", kPositive);
    v.optional("controls", controls, "random control neurons, matched by layer", kNotNegative);
    intervention.visit_keys(v);
    v.optional("accuracy", accuracy, "also the change in accuracy of free greedy generation, arm by arm");
    v.optional("max_new_tokens", max_new_tokens, "longest completion of free generation, tokens", kPositive);
    v.optional("rows", rows, "arms in one forward", kPositive);
    v.optional("arms_per_unit", arms_per_unit, "arms in one unit of work", kPositive);
    v.optional("metric", metric, "ranked by: reasoning_logprob, answer_logprob or accuracy");
    v.optional("critical", critical, "largest critical set that is kept", kPositive);
    v.optional("fdr", fdr, "false discovery rate over the candidates", Range{0, 1});
  }
};

/// Exact single-neuron interventions, each on every chosen item, beside matched random controls.
std::unique_ptr<Experiment> make_sweep(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
