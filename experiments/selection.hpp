#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/catalog.hpp"
#include "experiments/experiment.hpp"
#include "framework/config/study_spec.hpp"

namespace neurosweep {

/// The keys that choose models, tasks and items; part of every measuring experiment.
struct Selection {
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::string split;
  std::int64_t items = 0;

  template <class Visitor>
  void visit_keys(Visitor& v) {
    v.optional("models", models, "names of models; []: all");
    v.optional("tasks", tasks, "names of tasks; []: all");
    v.optional("split", split, "items used: identify, validate, test or all");
    v.optional("items", items, "items of each task, drawn by the study's seed; 0: all of the split", kNotNegative);
  }

  /// Replaces empty lists by all names and checks the others.
  void resolve(const StudySpec& study, const SourcePlace& place);

  /// The chosen items of a task. Throws Error{input} when the split has none.
  std::vector<TaskItem> chosen(const Catalog& catalog, const std::string& task) const;
};

/// Ids of items, cut into runs of at most `size`.
std::vector<std::vector<std::string>> item_blocks(const std::vector<TaskItem>& items, std::int64_t size);

/// Seed of a part of the study, by its content; not negative.
std::int64_t content_seed(const StudySpec& study, const std::string& content);

/// Keys that every kind has: kind and name.
template <class Visitor>
void visit_common_keys(Visitor& v, std::string& kind, std::string& name) {
  v.required("kind", kind, "kind of experiment");
  v.optional("name", name, "name of its results and for later experiments; default: the kind");
}

/// The earlier experiment that the key `key` names: it must exist, come before and be of one of `kinds`. What a
/// transfer made of a source (EXPERIMENT/MAP/SOURCE) is named by its rows, and is of its source's kind.
///   returns  the experiment, or the source
const ExperimentSpec& earlier_experiment(const StudySpec& study, const ExperimentSpec& of, const char* key,
                                         const std::string& name, const std::vector<std::string>& kinds);

/// Fails when an earlier experiment leaves out models or tasks that another one needs of it.
///   there   its models, or tasks
///   what    "model" or "task"
///   where   what the message starts with
///   throws  Error{input} that names the first
void need_measured(const std::vector<std::string>& there, const std::vector<std::string>& needed, const char* what,
                   const std::string& source, const std::string& where);

/// Whether every unit of an experiment's first `rounds` rounds is done; logs the first round that lacks some.
///   outcome  what the experiment ends with otherwise
bool rounds_complete(const Database& db, const std::string& experiment, std::int64_t rounds, const char* outcome);

/// Fails for a study whose models are held by several ranks each.
///   throws  Error{input}
void need_whole_models(const StudySpec& study, const ExperimentSpec& of);

/// Fails when an experiment, or one that it was made from, has seen the test split, which judges `of`.
///   use     what `of` does with it, such as "steers by"
///   throws  Error{input}
void check_unseen(const StudySpec& study, const ExperimentSpec& of, const std::string& name, const char* use);

}  // namespace neurosweep
