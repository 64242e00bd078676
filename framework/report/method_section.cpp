#include <algorithm>
#include <ostream>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

std::string optional_percent(std::optional<double> share) {
  return share ? percent_text(*share) : "-";
}

void write_quality(std::ostream& out, const std::vector<MethodQualityRow>& rows) {
  out << "Each way to find neurons against the exact effects of suppressing them one by one. \"Found\" is the share of "
         "as many truly most harmful neurons that the selection holds. The mean effect is that of suppressing one of "
         "its neurons (natural logarithm); \"beyond random\" subtracts the mean effect of the other neurons, weighted "
         "to as many in every layer, with a 95 % bootstrap interval over items and the p of a signed-rank test. The "
         "rank correlation is Spearman's with the exact harm, over all neurons. Stability is the mean Jaccard overlap "
         "of the selection with those from resampled items. Methods that were themselves given the exact effects of "
         "the same items are flattered.\n\n";
  MarkdownTable table({"model", "task", "method", "neurons", "found", "mean effect", "beyond random", "95 % interval",
                       "p", "rank correlation", "stability"});
  for (const MethodQualityRow& row : rows) {
    table.add({row.model, row.task, row.method, fmt::format("{}", row.n_neurons), optional_percent(row.recall),
               number_text(row.mean_effect), number_text(row.difference),
               interval_text(row.difference_low, row.difference_high, plain_number), p_text(row.p),
               number_text(row.rank_correlation), number_text(row.stability)});
  }
  table.write(out);
}

void write_overlaps(std::ostream& out, const Database& db, const std::string& experiment) {
  out << "Pairs of methods over all tasks: neurons that both select, Jaccard overlap, and Spearman's correlation of "
         "their importance over all neurons where both score every neuron.\n\n";
  MarkdownTable table({"model", "method", "other method", "shared", "of", "Jaccard", "rank correlation"});
  for (const MethodOverlapRow& row :
       db.select<MethodOverlapRow>("WHERE experiment = ? AND task = ? ORDER BY model, method_a, method_b",
                                   {experiment, std::string(kAllTasks)})) {
    table.add({row.model, row.method_a, row.method_b, fmt::format("{}", row.shared),
               fmt::format("{}", std::min(row.n_a, row.n_b)), number_text(row.jaccard),
               number_text(row.rank_correlation)});
  }
  if (!table.empty()) table.write(out);
}

}  // namespace

void write_methods(std::ostream& out, const Database& db) {
  Statement experiments = db.connection().prepare("SELECT DISTINCT experiment FROM method_quality ORDER BY 1");
  while (experiments.step()) {
    const std::string experiment = experiments.text(0);
    out << fmt::format("## Ways to find neurons, side by side (experiment {})\n\n", experiment);
    write_quality(out, db.select<MethodQualityRow>("WHERE experiment = ? ORDER BY model, task, method", {experiment}));
    write_overlaps(out, db, experiment);
  }
}

void write_probes(std::ostream& out, const Database& db) {
  MarkdownTable table({"experiment", "model", "task", "traces", "AUROC", "95 % interval", "within items",
                       "on its own traces", "neurons with a weight"});
  for (const ProbeFitRow& row : db.select<ProbeFitRow>("ORDER BY experiment, model, task")) {
    table.add({row.experiment, row.model, row.task, fmt::format("{}", row.n_traces), plain_number(row.auroc),
               interval_text(row.auroc_low, row.auroc_high, plain_number), number_text(row.within_item),
               plain_number(row.train_auroc), fmt::format("{}", row.n_nonzero)});
  }
  if (table.empty()) return;
  out << "## Linear probes of the last activation\n\n"
      << "L1 logistic regressions that tell correct from incorrect traces by the activations at their last token, on "
         "held-out items (arXiv:2601.19847, A.2). The penalty was chosen on the same folds, which flatters a little. "
         "\"Within items\" compares traces of one item only: what the probe knows beyond which items are hard.\n\n";
  table.write(out);
}

void write_geometry(std::ostream& out, const Database& db) {
  MarkdownTable table(
      {"experiment", "model", "task", "measure", "items", "correct", "incorrect", "difference", "95 % interval", "p"});
  for (const GeometryContrastRow& row : db.select<GeometryContrastRow>("ORDER BY experiment, model, task, measure")) {
    table.add({row.experiment, row.model, row.task, row.measure, fmt::format("{}", row.n), plain_number(row.correct),
               plain_number(row.incorrect), plain_number(row.difference),
               interval_text(row.ci_low, row.ci_high, plain_number), p_text(row.p)});
  }
  if (table.empty()) return;
  out << "## How correct and incorrect traces run\n\n"
      << "Means over the items with both outcomes: length in tokens and, where measured, magnitude and angle of the "
         "residual stream's path through the layers (arXiv:2601.19847, appendix D; lower is straighter). Differences "
         "are paired by item, with 95 % bootstrap intervals and a signed-rank test.\n\n";
  table.write(out);
}

}  // namespace neurosweep
