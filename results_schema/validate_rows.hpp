#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace neurosweep {

/// What suppressing one task's critical set does to the items of a task, against matched random sets.
struct ValidationEffectRow {
  static constexpr std::string_view kTable = "validation_effect";
  static constexpr std::string_view kKey = "experiment, model, set_task, task";

  std::string experiment;
  std::string model;
  std::string set_task;  ///< whose set is suppressed; '*' over all tasks
  std::string task;      ///< whose items are answered
  std::int64_t n = 0;    ///< items
  std::int64_t n_random_sets = 0;
  double baseline_accuracy = 0;
  double accuracy = 0;
  double random_accuracy = 0;  ///< mean over the random sets
  double difference = 0;       ///< accuracy minus random_accuracy
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  double p = 1;       ///< as SetContrastRow::p
  double holm_p = 1;  ///< over all sets and tasks of the model
  std::int64_t hurts = 0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("set_task", row.set_task);
    visit("task", row.task);
    visit("n", row.n);
    visit("n_random_sets", row.n_random_sets);
    visit("baseline_accuracy", row.baseline_accuracy);
    visit("accuracy", row.accuracy);
    visit("random_accuracy", row.random_accuracy);
    visit("difference", row.difference);
    visit("ci_low", row.ci_low);
    visit("ci_high", row.ci_high);
    visit("p", row.p);
    visit("holm_p", row.holm_p);
    visit("hurts", row.hurts);
  }
};

/// Whether a set hurts every task, its own alone, some, or none.
struct ValidationClassRow {
  static constexpr std::string_view kTable = "validation_class";
  static constexpr std::string_view kKey = "experiment, model, set_task";

  std::string experiment;
  std::string model;
  std::string set_task;
  std::int64_t n_neurons = 0;
  std::int64_t n_tasks = 0;  ///< judged on
  std::int64_t n_hurt = 0;
  std::string hurts;       ///< tasks hurt, comma-separated
  std::string class_name;  ///< 'general', 'specific', 'partial' or 'none'

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("set_task", row.set_task);
    visit("n_neurons", row.n_neurons);
    visit("n_tasks", row.n_tasks);
    visit("n_hurt", row.n_hurt);
    visit("hurts", row.hurts);
    visit("class", row.class_name);
  }
};

/// The tables that the reducer of validation across tasks rebuilds.
using ValidationTables = std::tuple<ValidationEffectRow, ValidationClassRow>;

}  // namespace neurosweep
