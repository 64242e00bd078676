#pragma once

#include "experiments/experiment.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// Keys of an edit experiment.
struct EditKeys {
  std::string kind, name;
  std::string from;
  std::string file;
  std::string op = "fold";
  std::vector<double> strengths = {1};
  std::vector<double> factors = {0};
  std::int64_t top = 0;
  bool pooled = false;
  std::string mean_from;
  std::int64_t random_sets = 3;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::vector<std::string> guards;
  double max_drop = 1;
  std::int64_t items = 0;
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
  std::int64_t items_per_unit = 50;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    visit_common_keys(v, kind, name);
    v.optional(
        "from", from,
        "fold, rank_one: the identify, gradient, learn or template experiment whose direction is made permanent; "
        "scale: the sweep, identify, race or minimize experiment whose critical set is; or what a transfer made "
        "of one");
    v.optional("file", file,
               "instead of `from`: a steering file (neurosweep export), or an edit file, whose edits are all made and "
               "say how; relative to the study file. A file does not tell which items chose it: it must not be of the "
               "test split");
    v.optional("op", op,
               "fold: the direction, at every token; scale: what the set's neurons write, times a factor; rank_one: "
               "the direction, where activations are like their mean");
    v.optional("strengths", strengths, "fold, rank_one: of the direction, each an edit", kNotNegative);
    v.optional("factors", factors, "scale: each an edit; 0 removes the neurons");
    v.optional("top", top, "neurons edited, the most important; 0: all that `from` chose", kNotNegative);
    v.optional("pooled", pooled,
               "true: what was found over all tasks, measured on tasks and guards; false: each task's own, measured on "
               "it and on the guards");
    v.optional("mean_from", mean_from,
               "rank_one: the trace experiment whose mean activations, over all of its attempts, are the key");
    v.optional("random_sets", random_sets, "controls: the same edit of as many random neurons of the same layers",
               Range{0, 99});
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of the tasks that the edit is meant for; []: all but the guards");
    v.optional("guards", guards, "names of tasks that must not get worse");
    v.optional("max_drop", max_drop, "points of accuracy that a guard may lose and pass", Range{0, 100});
    v.optional("items", items, "items of each task, of the test split; 0: all of it", kNotNegative);
    v.optional("max_new_tokens", max_new_tokens, "longest completion, tokens", kPositive);
    v.optional("slots", slots, "sequences decoded together", kPositive);
    v.optional("items_per_unit", items_per_unit,
               "items in one unit of work, which loads the model once for each of its edits", kPositive);
  }
};

/// What permanent edits of weights do to answers: the model unedited, edited, and with the same edits of random
/// neurons, on the test split, greedily decoded and paired by item. Guards say whether an edit costs too much
/// elsewhere.
std::unique_ptr<Experiment> make_edit(const ExperimentSpec& spec, const StudySpec& study);

}  // namespace neurosweep
