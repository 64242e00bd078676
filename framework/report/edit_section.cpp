#include <ostream>

#include "framework/base/error.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {

namespace {

std::string random_text(const EditEffectRow& row) {
  if (!row.difference) return "-";
  return fmt::format("{} ({} sets): {}, {}", percent_text(*row.random_accuracy), row.n_random_sets,
                     points_text(*row.difference), interval_text(row.difference_low, row.difference_high, points_text));
}

std::string guard_text(const EditEffectRow& row) {
  if (!row.passed) return "-";
  return *row.passed != 0 ? "passed" : "failed";
}

}  // namespace

void write_edits(std::ostream& out, const Database& db) {
  Statement found = db.connection().prepare(
      "SELECT experiment, max(max_drop) FROM edit_effect GROUP BY experiment ORDER BY experiment");
  while (found.step()) {
    const std::string experiment = found.text(0);
    double max_drop = 0;
    found.read(1, max_drop);
    out << fmt::format("## Permanent edits (experiment {})\n\n", experiment);
    out << fmt::format(
        "Answers on the test split with edited weights, paired by item with those of the unedited model. The number "
        "behind @ is the strength of a direction, or the factor of a scale. A guard passes when its measured accuracy "
        "falls by no more than {:g} points. p is McNemar's exact test, against random the exact permutation "
        "of the edit and the same edits of random neurons within items; Holm's corrects each over all rows.\n\n",
        max_drop);
    MarkdownTable table({"model", "task", "edit", "guard", "items", "unedited", "edited", "fixed", "broken",
                         "change, 95 % interval", "p", "Holm", "random neurons: difference, 95 % interval", "p",
                         "Holm"});
    db.for_each<EditEffectRow>(
        "WHERE experiment = ? ORDER BY model, arm, guard, task", {experiment}, [&](EditEffectRow&& row) {
          table.add({row.model, row.task, row.arm, guard_text(row), fmt::format("{}", row.n),
                     percent_text(row.baseline_accuracy), percent_text(row.accuracy), fmt::format("{}", row.fixed),
                     fmt::format("{}", row.broken),
                     points_text(row.change) + ", " + interval_text(row.change_low, row.change_high, points_text),
                     p_text(row.mcnemar_p), p_text(row.holm_p), random_text(row), p_text(row.random_p),
                     p_text(row.random_holm_p)});
        });
    table.write(out);
  }
}

}  // namespace neurosweep
