#pragma once

#include "experiments/experiment.hpp"
#include "experiments/neuron_choice.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of a race experiment.
struct RaceKeys {
  std::string kind, name;
  Selection selection{{}, {}, "identify", 40};
  std::int64_t top = 50;
  double error = 0.05;
  double budget = 0.03;
  std::int64_t candidates = 0;
  std::int64_t controls = 25;
  std::int64_t rest = 30;
  InterventionKeys intervention;
  std::int64_t rows = 64;
  std::int64_t arms_per_unit = 256;
  std::int64_t items_per_unit = 8;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    selection.visit_keys(v);
    v.optional("top", top, "neurons looked for: those with the most negative mean effect over all items", kPositive);
    v.optional("error", error, "rate at which any decision of the race may be wrong", Range{0, 1});
    v.optional("budget", budget, "arithmetic of screen and race, as a share of a sweep of all neurons", Range{0, 1});
    v.optional("candidates", candidates, "best neurons of the screen that run; 0: four times top", kNotNegative);
    v.optional("controls", controls, "random control neurons that run, matched by layer", kNotNegative);
    v.optional("rest", rest, "random others that run: they tell how many the screen missed", kNotNegative);
    intervention.visit_keys(v);
    v.optional("rows", rows, "arms in one forward", kPositive);
    v.optional("arms_per_unit", arms_per_unit, "arms in one unit of work", kPositive);
    v.optional("items_per_unit", items_per_unit, "items screened in one unit of work", kPositive);
  }
};

/// Finds the top neurons with a fraction of a sweep's arithmetic: a screen by gradients of every neuron on every item,
/// then rounds of exact interventions where they decide most.
std::unique_ptr<Experiment> make_race(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
