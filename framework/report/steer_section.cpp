#include <map>
#include <ostream>

#include "framework/report/markdown.hpp"
#include "framework/report/matrix_picture.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

std::string strength_text(const SteerEffectRow& row) {
  return row.strength == 0 ? "own" : plain_number(row.strength);
}

void write_tests(std::ostream& out, const std::vector<SteerEffectRow>& rows) {
  out << "What each variant did to items that nothing before had seen, at the strength that the validate split chose "
         "(`own`: each task has its own). Fixed: wrong untouched, right steered; broken: the other way round. p is "
         "McNemar's exact test; Holm's corrects it over all rows of the model. Items needed: how many questions a "
         "change like this takes to be found at 5 % with a power of 80 %.\n\n";
  MarkdownTable table({"model", "task", "variant", "strength", "items", "steered", "untouched", "steered accuracy",
                       "fixed", "broken", "change, 95 % interval", "p", "Holm", "items needed"});
  for (const SteerEffectRow& row : rows) {
    if (row.stage != "test") continue;
    table.add({row.model, row.task, row.variant, strength_text(row), fmt::format("{}", row.n),
               fmt::format("{}", row.n_steered), percent_text(row.baseline_accuracy), percent_text(row.accuracy),
               fmt::format("{}", row.fixed), fmt::format("{}", row.broken),
               points_text(row.change) + ", " + interval_text(row.change_low, row.change_high, points_text),
               p_text(row.mcnemar_p), row.holm_p ? p_text(*row.holm_p) : "",
               row.items_needed ? fmt::format("{}", *row.items_needed) : "-"});
  }
  if (!table.empty()) table.write(out);
}

void write_strengths(std::ostream& out, const std::vector<SteerEffectRow>& rows) {
  std::map<std::pair<std::string, std::string>, std::string> changes;
  for (const SteerEffectRow& row : rows) {
    if (row.stage != "validate" || row.task != "*") continue;
    std::string& text = changes[{row.model, row.variant}];
    text += fmt::format("{}{}: {:+}", text.empty() ? "" : ", ", plain_number(row.strength), row.fixed - row.broken);
  }
  if (changes.empty()) return;
  out << "Strengths tried on the validate split: right answers gained or lost over all tasks.\n\n";
  MarkdownTable table({"model", "variant", "strength: right answers gained"});
  for (const auto& [key, text] : changes) table.add({key.first, key.second, text});
  table.write(out);
}

void write_reach(std::ostream& out, const Database& db, const std::string& experiment) {
  std::map<std::pair<std::string, std::string>, std::vector<MatrixCell>> matrices;
  MarkdownTable table({"model", "variant", "direction of", "helps", "harms", "of tasks", "namely", "the direction is"});
  Statement reach = db.connection().prepare(
      "SELECT model, declared, direction_task, n_helped, n_harmed, n_tasks, helped, harmed, class FROM steer_reach "
      "WHERE experiment = ? ORDER BY model, declared, direction_task");
  reach.bind(1, experiment);
  while (reach.step()) {
    const std::string helped = reach.text(6), harmed = reach.text(7);
    const std::string names =
        helped + (harmed.empty() ? "" : fmt::format("{}harms {}", helped.empty() ? "" : "; ", harmed));
    table.add({reach.text(0), reach.text(1), reach.text(2), reach.text(3), reach.text(4), reach.text(5),
               names.empty() ? "-" : names, reach.text(8)});
  }
  if (table.empty()) return;
  out << "Every task's direction on the items of every task; `*` is the direction over all tasks. A direction helps "
         "(harms) a task when answers get better (worse) with Holm's p below 5 %. It is general when it helps every "
         "task, specific when it helps its own only, partial when it helps some. Pictures: change of accuracy in "
         "points; bold: Holm's p below 5 %.\n\n";
  table.write(out);
  for (const SteerEffectRow& row : db.select<SteerEffectRow>(
           "WHERE experiment = ? AND stage = 'test' AND task <> '*' AND variant = declared || ' from ' || "
           "direction_task ORDER BY model, declared, direction_task, task",
           {experiment})) {
    matrices[{row.model, row.declared}].push_back(
        {row.direction_task, row.task, row.change, row.holm_p && *row.holm_p < 0.05});
  }
  for (const auto& [key, cells] : matrices) {
    draw_matrix(out, fmt::format("{}, {}: direction of (rows), items of (columns)", key.first, key.second), cells);
  }
}

}  // namespace

void write_steering(std::ostream& out, const Database& db) {
  Statement experiments = db.connection().prepare("SELECT DISTINCT experiment FROM steer_effect ORDER BY 1");
  while (experiments.step()) {
    const std::string experiment = experiments.text(0);
    const auto rows =
        db.select<SteerEffectRow>("WHERE experiment = ? ORDER BY model, task, variant, strength", {experiment});
    out << fmt::format("## Steering: {}\n\n", experiment);
    write_tests(out, rows);
    write_strengths(out, rows);
    write_reach(out, db, experiment);
  }
}

}  // namespace neurosweep
