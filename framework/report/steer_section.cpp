#include <map>
#include <ostream>

#include "framework/report/markdown.hpp"
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
  }
}

}  // namespace neurosweep
