#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace neurosweep {

/// What edited weights do to the answers of a task, paired by item with the unedited model.
struct EditEffectRow {
  static constexpr std::string_view kTable = "edit_effect";
  static constexpr std::string_view kKey = "experiment, model, task, arm";

  std::string experiment;
  std::string model;
  std::string task;
  std::string arm;
  std::string source_task;
  std::string op;  ///< 'fold', 'scale', 'rank_one' or 'file'
  std::optional<double> amount;
  std::int64_t guard = 0;
  std::int64_t n = 0;
  double baseline_accuracy = 0.0;
  double accuracy = 0.0;
  double accuracy_low = 0.0;
  double accuracy_high = 0.0;
  std::int64_t fixed = 0;
  std::int64_t broken = 0;
  double change = 0.0;
  double change_low = 0.0;
  double change_high = 0.0;
  double mcnemar_p = 0.0;
  double holm_p = 0.0;
  std::int64_t n_random_sets = 0;
  std::optional<double> random_accuracy;
  std::optional<double> difference;
  std::optional<double> difference_low;
  std::optional<double> difference_high;
  std::optional<double> random_p;
  std::optional<double> random_holm_p;
  double max_drop = 0.0;
  std::optional<std::int64_t> passed;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("arm", row.arm);
    visit("source_task", row.source_task);
    visit("op", row.op);
    visit("amount", row.amount);
    visit("guard", row.guard);
    visit("n", row.n);
    visit("baseline_accuracy", row.baseline_accuracy);
    visit("accuracy", row.accuracy);
    visit("accuracy_low", row.accuracy_low);
    visit("accuracy_high", row.accuracy_high);
    visit("fixed", row.fixed);
    visit("broken", row.broken);
    visit("change", row.change);
    visit("change_low", row.change_low);
    visit("change_high", row.change_high);
    visit("mcnemar_p", row.mcnemar_p);
    visit("holm_p", row.holm_p);
    visit("n_random_sets", row.n_random_sets);
    visit("random_accuracy", row.random_accuracy);
    visit("difference", row.difference);
    visit("difference_low", row.difference_low);
    visit("difference_high", row.difference_high);
    visit("random_p", row.random_p);
    visit("random_holm_p", row.random_holm_p);
    visit("max_drop", row.max_drop);
    visit("passed", row.passed);
  }
};

/// The tables that the reducer of edits rebuilds.
using EditTables = std::tuple<EditEffectRow>;

}  // namespace neurosweep
