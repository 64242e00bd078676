#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"
#include "framework/rank/steering_effects.hpp"

namespace neurosweep {

/// Keys of [[experiment.variant]]: one way to steer.
struct SteerVariant {
  std::string name;
  std::string from;
  std::string file;
  std::int64_t top = 0;
  bool pooled = false;
  bool across = false;
  std::string values = "own";
  std::int64_t random_draws = 0;
  std::int64_t shuffled_draws = 0;
  std::vector<double> strengths;
  std::string scope = "generated";
  std::int64_t steps = 0;
  double cap = 0;
  std::string gate;
  double gate_at = 0.5;
  bool difficulty = false;
  std::string doubt;
  double full_doubt = 1;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.required("name", name, "name of the variant in results");
    v.optional("from", from,
               "the identify, gradient, learn or template experiment that says which neurons and where to, or what a "
               "transfer made of one");
    v.optional("file", file, "instead of `from`: a steering file (neurosweep export); relative to the study file");
    v.optional("top", top, "neurons steered, the most important; 0: all that `from` chose", kNotNegative);
    v.optional("pooled", pooled, "true: the direction found over all tasks; false: each task's own");
    v.optional("across", across, "true: every task's direction, and the pooled one, on the items of every task");
    v.optional("values", values,
               "own: as found; equal: every neuron by the same amount, with its sign and the same norm");
    v.optional(
        "random_draws", random_draws,
        "controls: the same pushes on random neurons of the same layers; none, with a warning, where a layer has "
        "too few",
        Range{0, 99});
    v.optional("shuffled_draws", shuffled_draws,
               "controls: the same neurons with their pushes dealt anew in every layer", Range{0, 99});
    v.optional("strengths", strengths, "alphas tried on the validate split; []: those of the experiment", kNotNegative);
    v.optional("scope", scope, "tokens steered: generated, first (the first `steps` of them) or all");
    v.optional("steps", steps, "scope 'first': how many", kNotNegative);
    v.optional("cap", cap, "largest change of an activation; 0: none", kNotNegative);
    v.optional(
        "gate", gate,
        "a predict experiment over these models, tasks and items: only items that it expects to fail are steered");
    v.optional("gate_at", gate_at, "predicted chance of failure from which on items are steered", Range{0, 1});
    v.optional("difficulty", difficulty, "with `gate`: strength in proportion to the predicted chance of failure");
    v.optional("doubt", doubt,
               "strength follows the model's doubt while decoding: entropy or margin; \"\": it does not");
    v.optional("full_doubt", full_doubt, "doubt from which on the whole strength acts", Range{1e-6, 100});
  }
};

/// Keys of a steer experiment.
struct SteerKeys {
  std::string kind, name;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t validate_items = 0;
  std::int64_t test_items = 0;
  std::vector<double> strengths = {0.1, 0.2, 0.3, 0.5, 1};
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 20;
  std::vector<ConfigNode> variants;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks; []: all");
    v.optional("validate_items", validate_items, "items of each task that choose the strength; 0: all of validate",
               kNotNegative);
    v.optional("test_items", test_items, "items of each task that judge it; 0: all of test", kNotNegative);
    v.optional("strengths", strengths, "alphas tried", kNotNegative);
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit, "items in one unit of work", kPositive);
    v.required("variant", variants, "the ways to steer, each a table [[experiment.variant]]");
  }

  /// The chosen items of a task at a stage, which names its split.
  std::vector<TaskItem> chosen(const Catalog& catalog, const std::string& task, const std::string& stage) const {
    return Selection{{}, {}, stage, stage == kValidateStage ? validate_items : test_items}.chosen(catalog, task);
  }
};

/// Help on the keys of a steer experiment and of its variants.
std::string steer_key_help();

/// Steering at run time: every variant and strength on the validate split, then each variant's best strength on the
/// test split, greedily decoded and paired with no steering.
std::unique_ptr<Experiment> make_steer(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
