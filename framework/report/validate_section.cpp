#include <algorithm>
#include <cmath>
#include <ostream>
#include <set>
#include <vector>

#include "framework/base/error.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

constexpr int kCell = 62;  ///< of the picture, units
constexpr int kRow = 26;
constexpr int kLeft = 110;
constexpr int kTop = 44;

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

/// White for no difference to red for -1, to blue for +1.
std::string color_of(double difference) {
  const int pale = 255 - static_cast<int>(std::lround(195 * std::min(1.0, std::abs(difference))));
  return difference < 0 ? fmt::format("rgb(255,{0},{0})", pale) : fmt::format("rgb({0},{0},255)", pale);
}

/// A cell for each set (row) and task (column): its difference in points, bold where it hurts.
void draw_matrix(std::ostream& out, const std::string& model, const std::vector<ValidationEffectRow>& rows) {
  std::set<std::string> sets, tasks;
  for (const ValidationEffectRow& row : rows) {
    if (row.model != model) continue;
    sets.insert(row.set_task);
    tasks.insert(row.task);
  }
  const auto place = [](const std::set<std::string>& names, const std::string& name) {
    return static_cast<int>(std::distance(names.begin(), names.find(name)));
  };
  const int width = kLeft + kCell * static_cast<int>(tasks.size()) + 8;
  const int height = kTop + kRow * static_cast<int>(sets.size()) + 8;
  out << fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"11\" text-anchor=\"middle\" role=\"img\" aria-label=\"{2}\">\n",
      width, height, model);
  out << fmt::format("<text x=\"{}\" y=\"16\" font-size=\"12\">{}: set of (rows), items of (columns)</text>\n",
                     width / 2, model);
  for (const auto& task : tasks) {
    out << fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", kLeft + kCell * place(tasks, task) + kCell / 2, kTop - 8,
                       task);
  }
  for (const auto& set : sets) {
    out << fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kLeft - 8,
                       kTop + kRow * place(sets, set) + kRow / 2 + 4, set == "*" ? "all tasks" : set);
  }
  for (const ValidationEffectRow& row : rows) {
    if (row.model != model) continue;
    const int x = kLeft + kCell * place(tasks, row.task), y = kTop + kRow * place(sets, row.set_task);
    out << fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"#999\"/>", x, y, kCell,
                       kRow, color_of(row.difference));
    out << fmt::format("<text x=\"{}\" y=\"{}\"{}>{}</text>\n", x + kCell / 2, y + kRow / 2 + 4,
                       row.hurts != 0 ? " font-weight=\"bold\"" : "", points_text(row.difference));
  }
  out << "</svg>\n\n";
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
           "hurts "
           "a task when its items are answered worse than with matched random sets suppressed: sign-flip test paired "
           "by item, Holm's correction over all sets and tasks of a model, 5 %. It is general when it hurts every "
           "task, "
           "specific when it hurts its own only, partial when it hurts some.\n\n";
    write_classes(out, db, experiment);
    out << "Accuracy with the set suppressed minus accuracy with random sets suppressed, in points; bold: it "
           "hurts.\n\n";
    std::set<std::string> models;
    for (const ValidationEffectRow& row : rows) models.insert(row.model);
    for (const auto& model : models) draw_matrix(out, model, rows);
    write_matrix(out, rows);
  }
}

}  // namespace neurosweep
