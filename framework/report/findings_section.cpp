#include <ostream>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

std::int64_t class_count(const Database& db, const std::string& experiment, const std::string& model,
                         const std::string& name) {
  return static_cast<std::int64_t>(
      db.select<NeuronClassRow>("WHERE experiment = ? AND model = ? AND class = ?", {experiment, model, name}).size());
}

/// One line for each sweep and model: how many neurons passed.
void write_neuron_findings(std::ostream& out, const Database& db) {
  Statement sweeps = db.connection().prepare(
      "SELECT e.experiment, e.model, (SELECT count(*) FROM critical_set AS c WHERE c.experiment = e.experiment AND "
      "c.model = e.model AND c.task = ?) FROM (SELECT DISTINCT experiment, model FROM neuron_effect) AS e ORDER BY "
      "1, 2");
  sweeps.bind(1, std::string(kAllTasks));
  while (sweeps.step()) {
    const std::int64_t critical = sweeps.integer(2);
    out << fmt::format(
        "- **{}**, experiment {}: the critical set over all tasks holds {} {}; by task {} general, {} specific.\n",
        sweeps.text(1), sweeps.text(0), critical, critical == 1 ? "neuron" : "neurons",
        class_count(db, sweeps.text(0), sweeps.text(1), "general"),
        class_count(db, sweeps.text(0), sweeps.text(1), "specific"));
  }
}

/// One line for each suppression and model: accuracy untouched, under the critical and under random sets.
void write_set_findings(std::ostream& out, const Database& db) {
  for (const SetContrastRow& row :
       db.select<SetContrastRow>("WHERE task = ? ORDER BY experiment, model", {kAllTasks})) {
    const auto effects =
        db.select<SetEffectRow>("WHERE experiment = ? AND model = ? AND task = ? AND set_name = 'critical'",
                                {row.experiment, row.model, row.task});
    if (effects.empty()) continue;
    const std::string p = p_text(row.p);
    out << fmt::format(
        "- **{}**, experiment {}: accuracy {} from {} to {} with the critical set suppressed, and to {} with matched "
        "random sets (difference {} points, p {}{}, {} items).\n",
        row.model, row.experiment, effects[0].accuracy_change < 0 ? "falls" : "goes",
        percent_text(effects[0].baseline_accuracy), percent_text(row.critical_accuracy),
        percent_text(row.random_accuracy), points_text(row.difference), p.starts_with("<") ? "" : "= ", p, row.n);
  }
}

/// One line for each set search: how few neurons have the stated share, and what they have on held-out items.
void write_minimal_findings(std::ostream& out, const Database& db) {
  for (const SetSearchRow& row : db.select<SetSearchRow>("ORDER BY experiment, model, task")) {
    out << fmt::format(
        "- **{}**, experiment {}, task {}: {} of {} critical neurons, suppressed together, have {} of the effect of "
        "all "
        "({}) on {} held-out items; {} was wanted.\n",
        row.model, row.experiment, row.task, row.size, row.n_candidates, percent_text(row.proof_share),
        interval_text(row.share_low, row.share_high, percent_text), row.n_proof, percent_text(row.target_share));
  }
}

}  // namespace

void write_findings(std::ostream& out, const Database& db) {
  out << "# Study " << db.study().name << "\n\n"
      << "This report says which MLP neurons of each model its reasoning hangs on, as shown by suppressing them, and "
         "how sure the numbers are. A neuron is one coordinate of the vector that a layer's down projection "
         "multiplies; it is named by its layer and its place in the layer, both from 0. Every number comes from "
         "`results.db`; `neurosweep query` opens it.\n\n";
  write_neuron_findings(out, db);
  write_set_findings(out, db);
  write_minimal_findings(out, db);
  out << '\n';
}

}  // namespace neurosweep
