#include <algorithm>
#include <ostream>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/proportions.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

constexpr double kAlpha = 0.05;
constexpr double kPower = 0.8;

std::vector<SetEffectRow> effects_of(const Database& db, const std::string& experiment, const std::string& tail) {
  return db.select<SetEffectRow>("WHERE experiment = ? " + tail, {experiment});
}

void write_accuracy(std::ostream& out, const Database& db, const std::string& experiment) {
  out << "Accuracy with the critical set suppressed against the same items untouched. The interval is Wilson's; p is "
         "McNemar's exact test, two-sided.\n\n";
  MarkdownTable table(
      {"model", "task", "items", "untouched", "critical set suppressed", "95 % interval", "change, points", "p"});
  for (const SetEffectRow& row : effects_of(db, experiment, "AND set_name = 'critical' ORDER BY model, task")) {
    table.add({row.model, row.task, fmt::format("{}", row.n), percent_text(row.baseline_accuracy),
               percent_text(row.accuracy), interval_text(row.accuracy_low, row.accuracy_high, percent_text),
               points_text(row.accuracy_change), p_text(row.mcnemar_p)});
  }
  table.write(out);
}

void write_logprobs(std::ostream& out, const Database& db, const std::string& experiment) {
  MarkdownTable table({"model", "task", "set", "change", "95 % interval", "p"});
  for (const SetEffectRow& row :
       effects_of(db, experiment, "AND set_name <> 'baseline' ORDER BY model, task, set_name")) {
    if (!row.logprob_change || row.task != kAllTasks) continue;
    table.add({row.model, row.task, row.set_name, plain_number(*row.logprob_change),
               interval_text(row.logprob_low, row.logprob_high, plain_number), p_text(row.wilcoxon_p)});
  }
  if (table.empty()) return;
  out << "Change of the log-probability of the reference reasoning under each set, natural logarithm, mean over the "
         "items of all tasks; interval by BCa bootstrap, p by Wilcoxon's signed-rank test.\n\n";
  table.write(out);
}

/// Random sets under which accuracy was above that under the critical set.
std::string beaten_text(const Database& db, const SetContrastRow& contrast) {
  Statement count = db.connection().prepare(
      "SELECT count(*) FROM set_effect AS s JOIN set_effect AS c ON c.experiment = s.experiment AND c.model = "
      "s.model AND c.task = s.task AND c.set_name = 'critical' WHERE s.experiment = ? AND s.model = ? AND s.task = ? "
      "AND s.set_name LIKE 'random-%' AND s.accuracy > c.accuracy");
  count.bind(1, contrast.experiment);
  count.bind(2, contrast.model);
  count.bind(3, contrast.task);
  count.step();
  return fmt::format("{} of {}", count.integer(0), contrast.n_random_sets);
}

/// p adjusted over the rows of the table.
std::vector<double> adjusted(const std::vector<SetContrastRow>& rows) {
  std::vector<double> p;
  for (const SetContrastRow& row : rows) p.push_back(row.p.value_or(1));
  return benjamini_hochberg(p);
}

std::string verdict_text(const SetContrastRow& row, double q) {
  if (q > kAlpha) return "not shown to differ from random";
  return row.difference < 0 ? "worse than random" : "better than random";
}

void write_against_random(std::ostream& out, const Database& db, const std::string& experiment) {
  const auto rows = db.select<SetContrastRow>("WHERE experiment = ? ORDER BY model, task", {experiment});
  if (rows.empty()) {
    out << "**There are no random sets to compare with**, so nothing here shows that these neurons matter more than "
           "others.\n\n";
    return;
  }
  out << "The critical set against random sets with as many neurons in every layer, on the same items. Difference = "
         "accuracy under the critical set minus mean accuracy under the random sets, in points; interval by BCa "
         "bootstrap over items, p by exact permutation of the sets within items; q is p adjusted over this table. "
         "\"Beats\" counts random sets that hurt less than the critical set: p speaks for other items, \"beats\" for "
         "other random sets.\n\n";
  MarkdownTable table({"model", "task", "items", "critical", "random", "difference", "95 % interval", "p", "q", "beats",
                       "critical set is"});
  const std::vector<double> q = adjusted(rows);
  std::int64_t shown = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const SetContrastRow& row = rows[i];
    shown += q[i] <= kAlpha && row.difference < 0 ? 1 : 0;
    table.add({row.model, row.task, fmt::format("{}", row.n), percent_text(row.critical_accuracy),
               percent_text(row.random_accuracy), points_text(row.difference),
               interval_text(row.ci_low, row.ci_high, points_text), p_text(row.p), p_text(q[i]), beaten_text(db, row),
               verdict_text(row, q[i])});
  }
  table.write(out);
  if (shown == 0) {
    out << "**Suppressing the critical set is not shown to hurt accuracy more than suppressing random neurons.** "
           "Either it does not, or there are too few items to see it.\n\n";
  }
}

void write_power(std::ostream& out, const Database& db, const std::string& experiment) {
  out << "What so many items can show: the smallest change in accuracy that McNemar's test can call significant at 5 "
         "% even if every changed item changes the same way, and the true change it finds with 80 % probability.\n\n";
  MarkdownTable table({"model", "task", "items", "smallest significant change", "change found with 80 % probability"});
  for (const SetEffectRow& row : effects_of(db, experiment, "AND set_name = 'critical' ORDER BY model, task")) {
    const double least = least_significant_change(row.n, kAlpha);
    const bool possible = least <= 1;
    table.add({row.model, row.task, fmt::format("{}", row.n), possible ? percent_text(least) : "none: too few items",
               possible ? percent_text(detectable_change(row.n, kAlpha, kPower)) : "none"});
  }
  table.write(out);
}

/// Items that chose the neurons and also test them make the test too favourable. The last round of a minimize
/// experiment is a proof and chooses nothing.
void write_reuse(std::ostream& out, const Database& db, const std::string& experiment) {
  Statement count = db.connection().prepare(
      "WITH choosing AS (SELECT round_id FROM round AS r WHERE NOT (kind = 'minimize' AND round_no = (SELECT "
      "max(round_no) FROM round AS l WHERE l.experiment = r.experiment))), chosen_on AS (SELECT model, task, item FROM "
      "effect_block JOIN choosing USING (round_id) UNION SELECT model, task, item FROM activation_mean JOIN trace "
      "USING "
      "(round_id, unit, seq)) SELECT count(*), total((model, task, item) IN chosen_on) FROM (SELECT DISTINCT model, "
      "task, item FROM outcome JOIN round USING (round_id) WHERE experiment = ?)");
  count.bind(1, experiment);
  count.step();
  double reused = 0;
  count.read(1, reused);
  if (reused == 0) {
    out << "None of these items was used to choose the neurons.\n\n";
    return;
  }
  out << fmt::format(
      "**{:.0f} of these {} (model, item) pairs were also used to choose the neurons**, which favours the critical "
      "set; the random sets do not share that advantage.\n\n",
      reused, count.integer(0));
}

}  // namespace

void write_sets(std::ostream& out, const Database& db) {
  Statement experiments = db.connection().prepare("SELECT DISTINCT experiment FROM set_effect ORDER BY 1");
  while (experiments.step()) {
    const std::string experiment = experiments.text(0);
    out << fmt::format("## What suppressing the critical set does (experiment {})\n\n", experiment);
    write_accuracy(out, db, experiment);
    write_against_random(out, db, experiment);
    write_logprobs(out, db, experiment);
    write_reuse(out, db, experiment);
    write_power(out, db, experiment);
  }
}

}  // namespace neurosweep
