#include <map>
#include <ostream>
#include <vector>

#include "framework/base/error.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/matrix_picture.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

void write_classes(std::ostream& out, const Database& db, const std::string& experiment) {
  MarkdownTable table({"model", "set of", "neurons", "hurts", "of tasks", "namely", "the set is"});
  for (const ValidationClassRow& row :
       db.select<ValidationClassRow>("WHERE experiment = ? ORDER BY model, set_task", {experiment})) {
    table.add({row.model, row.set_task, fmt::format("{}", row.n_neurons), fmt::format("{}", row.n_hurt),
               fmt::format("{}", row.n_tasks), row.hurts.empty() ? "-" : row.hurts, row.class_name});
  }
  table.write(out);
}

void write_matrix(std::ostream& out, const std::vector<ValidationEffectRow>& rows) {
  MarkdownTable table({"model", "set of", "items of", "items", "untouched", "random sets", "set suppressed",
                       "difference, points", "95 % interval", "p (Holm)"});
  for (const ValidationEffectRow& row : rows) {
    table.add({row.model, row.set_task, row.task, fmt::format("{}", row.n), percent_text(row.baseline_accuracy),
               percent_text(row.random_accuracy), percent_text(row.accuracy), points_text(row.difference),
               interval_text(row.ci_low, row.ci_high, points_text), p_text(row.holm_p)});
  }
  table.write(out);
}

}  // namespace

void write_validation(std::ostream& out, const Database& db) {
  Statement experiments = db.connection().prepare("SELECT DISTINCT experiment FROM validation_effect ORDER BY 1");
  while (experiments.step()) {
    const std::string experiment = experiments.text(0);
    const auto rows =
        db.select<ValidationEffectRow>("WHERE experiment = ? ORDER BY model, set_task, task", {experiment});
    out << fmt::format("## Validation across tasks (experiment {})\n\n", experiment);
    out << "Every task's critical set suppressed on the items of every task; `*` is the set over all tasks. A set "
           "hurts a task when its items are answered worse than with matched random sets suppressed: exact "
           "permutation of the sets within items, Holm's correction over all sets and tasks of a model, 5 %. It is "
           "general when it hurts every task, specific when it hurts its own only, partial when it hurts some.\n\n";
    write_classes(out, db, experiment);
    out << "Accuracy with the set suppressed minus accuracy with random sets suppressed, in points; bold: it "
           "hurts.\n\n";
    std::map<std::string, std::vector<MatrixCell>> cells;
    for (const ValidationEffectRow& row : rows) {
      cells[row.model].push_back({row.set_task, row.task, row.difference, row.hurts != 0});
    }
    for (const auto& [model, matrix] : cells) {
      draw_matrix(out, fmt::format("{}: set of (rows), items of (columns)", model), matrix);
    }
    write_matrix(out, rows);
  }
}

}  // namespace neurosweep
