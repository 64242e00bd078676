#include <ostream>

#include "framework/base/error.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {

void write_constraints(std::ostream& out, const Database& db) {
  Statement found = db.connection().prepare("SELECT DISTINCT experiment FROM constraint_effect ORDER BY experiment");
  while (found.step()) {
    const std::string experiment = found.text(0);
    out << fmt::format("## Safety constraints (experiment {})\n\n", experiment);
    out << "Answers on the test split within a policy, paired by item with those of the arm named `against`; guarded "
           "tasks are those that the policy is meant for. Enforced: items in which the policy changed an activation "
           "under the first arm, and how often, over neurons and tokens. p is McNemar's exact test; Holm's corrects it "
           "over all rows of the model.\n\n";
    MarkdownTable table({"model", "task", "guarded", "arm", "against", "items", "enforced in", "times", "accuracy",
                         "against accuracy", "fixed", "broken", "change, 95 % interval", "p", "Holm"});
    db.for_each<ConstraintEffectRow>(
        "WHERE experiment = ? ORDER BY model, arm, against, guarded DESC, task", {experiment},
        [&](ConstraintEffectRow&& row) {
          table.add({row.model, row.task, row.guarded != 0 ? "yes" : "no", row.arm, row.against,
                     fmt::format("{}", row.n), fmt::format("{}", row.n_enforced), fmt::format("{}", row.enforced),
                     percent_text(row.accuracy), percent_text(row.baseline_accuracy), fmt::format("{}", row.fixed),
                     fmt::format("{}", row.broken),
                     points_text(row.change) + ", " + interval_text(row.change_low, row.change_high, points_text),
                     p_text(row.mcnemar_p), p_text(row.holm_p)});
        });
    table.write(out);
  }
}

}  // namespace neurosweep
