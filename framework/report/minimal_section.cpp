#include <algorithm>
#include <ostream>

#include "framework/base/error.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

constexpr double kFdr = 0.05;
constexpr std::size_t kPairsShown = 5;  ///< of each sign

const char* verdict_text(const SetSearchRow& row) {
  if (!row.share_low || !row.share_high) return "full effect not told from 0";
  if (*row.share_low >= row.target_share) return "holds";
  return *row.share_high < row.target_share ? "does not hold" : "open";
}

void write_searches(std::ostream& out, const std::vector<SetSearchRow>& rows) {
  out << "How few neurons of the critical set have the stated share of its joint effect. The set was grown greedily "
         "and pruned on one part of the items until no neuron could go; smaller sets may exist. The share is then "
         "measured again on held-out items: effect of the minimal set over effect of all candidates, with a 95 % "
         "bootstrap interval over items. Searching flatters the share on its own items, so only the held-out share "
         "counts. More than 100 % means that suppressing the other candidates undoes some of the harm.\n\n";
  MarkdownTable table({"model", "task", "candidates", "minimal set", "share wanted", "share on search items",
                       "held-out items", "held-out share", "95 % interval", "the share"});
  for (const SetSearchRow& row : rows) {
    table.add({row.model, row.task, fmt::format("{}", row.n_candidates), fmt::format("{}", row.size),
               percent_text(row.target_share), percent_text(row.search_share), fmt::format("{}", row.n_proof),
               percent_text(row.proof_share), interval_text(row.share_low, row.share_high, percent_text),
               verdict_text(row)});
  }
  table.write(out);
}

void write_against_random(std::ostream& out, const std::vector<SetSearchRow>& rows) {
  out << "Joint effects on the held-out items, natural logarithm. Random sets have as many neurons in every layer as "
         "the minimal set and none of the candidates; p is Wilcoxon's signed-rank test against their mean, by "
         "item.\n\n";
  MarkdownTable table(
      {"model", "task", "all candidates", "minimal set", "random sets, mean", "random sets, worst", "p"});
  for (const SetSearchRow& row : rows) {
    table.add({row.model, row.task, plain_number(row.proof_full), plain_number(row.proof_effect),
               number_text(row.random_effect), number_text(row.random_worst), p_text(row.p)});
  }
  table.write(out);
}

void write_members(std::ostream& out, const Database& db, const std::string& experiment) {
  out << "Members in the order of adding, on the items of the search: effect alone, what adding it changed, the share "
         "reached then, and what the final set loses without it.\n\n";
  MarkdownTable table({"model", "task", "neuron", "rank", "alone", "gain", "share", "loss"});
  for (const MinimalSetRow& row :
       db.select<MinimalSetRow>("WHERE experiment = ? ORDER BY model, task, order_no", {experiment})) {
    table.add({row.model, row.task, fmt::format("{}.{}", row.layer, row.neuron), fmt::format("{}", row.rank_no),
               plain_number(row.alone), plain_number(row.gain), percent_text(row.share),
               row.kept != 0 ? number_text(row.loss) : "pruned"});
  }
  table.write(out);
}

void write_pairs(std::ostream& out, const Database& db, const SetSearchRow& search) {
  auto rows = db.select<PairInteractionRow>("WHERE experiment = ? AND model = ? AND task = ? ORDER BY interaction",
                                            {search.experiment, search.model, search.task});
  if (rows.empty()) return;
  const auto all = rows.size();
  std::erase_if(rows, [](const PairInteractionRow& row) { return row.q > kFdr; });
  out << fmt::format(
      "Pairs of {}, task {}: {} measured on the held-out items, {} with an interaction at a false discovery rate of 5 "
      "%. Interaction = joint effect minus the sum of the two alone: where suppression harms, negative pairs back each "
      "other up, positive ones do the same work twice.\n\n",
      search.model, search.task, all, rows.size());
  MarkdownTable table({"pair", "sum of both alone", "joint", "interaction", "95 % interval", "q"});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i >= kPairsShown && i + kPairsShown < rows.size()) continue;
    const PairInteractionRow& row = rows[i];
    table.add({fmt::format("{}.{} + {}.{}", row.layer_a, row.neuron_a, row.layer_b, row.neuron_b),
               plain_number(row.effect_a + row.effect_b), plain_number(row.effect_joint), plain_number(row.interaction),
               interval_text(row.ci_low, row.ci_high, plain_number), p_text(row.q)});
  }
  if (!table.empty()) table.write(out);
}

}  // namespace

void write_minimal_sets(std::ostream& out, const Database& db) {
  Statement experiments = db.connection().prepare("SELECT DISTINCT experiment FROM set_search ORDER BY 1");
  while (experiments.step()) {
    const std::string experiment = experiments.text(0);
    const auto rows = db.select<SetSearchRow>("WHERE experiment = ? ORDER BY model, task", {experiment});
    out << fmt::format("## Minimal sets (experiment {})\n\n", experiment);
    write_searches(out, rows);
    write_against_random(out, rows);
    write_members(out, db, experiment);
    for (const SetSearchRow& row : rows) write_pairs(out, db, row);
  }
}

}  // namespace neurosweep
