#include <map>
#include <ostream>

#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

std::string share_text(double value) {
  return fmt::format("{:.2f}", value);
}

std::string share_text(const Statement& row, int column) {
  double value = 0;
  row.read(column, value);
  return share_text(value);
}

void write_layers(std::ostream& out, const std::vector<LayerSimilarityRow>& rows) {
  out << fmt::format(
      "Layers of {} and {} by linear CKA over {} samples (1: the same up to a rotation). Maps go from each layer of {} "
      "to the one most like it.\n\n",
      rows.front().donor, rows.front().receiver, rows.front().n_samples, rows.front().donor);
  std::vector<std::string> head = {rows.front().donor + " \\ " + rows.front().receiver};
  std::map<std::int64_t, std::vector<std::string>> lines;
  for (const LayerSimilarityRow& row : rows) {
    if (row.donor_layer == 0) head.push_back(fmt::format("{}", row.receiver_layer));
    auto& line = lines[row.donor_layer];
    if (line.empty()) line.push_back(fmt::format("{}", row.donor_layer));
    line.push_back(row.paired != 0 ? fmt::format("**{}**", share_text(row.cka)) : share_text(row.cka));
  }
  MarkdownTable table(head);
  for (const auto& [layer, line] : lines) table.add(line);
  table.write(out);
}

void write_maps(std::ostream& out, const Database& db, const std::string& experiment) {
  out << "Maps, and how they hold on texts that they were not fitted on. Matching: mean correlation of the matched "
         "neurons; ridge and Procrustes: share of the variance of the receiver's residual stream (R², below 0 when "
         "worse than its mean). Shuffled maps are the control: fitted on samples whose pairing was dealt anew.\n\n";
  MarkdownTable table({"map", "measure", "pairs of layers", "samples", "held out", "neurons matched", "fitted",
                       "held out, mean", "held out, worst pair"});
  Statement maps = db.connection().prepare(
      "SELECT map, measure, count(*), max(n_samples), max(n_held_out), sum(n_matched), "
      "sum(fit * coalesce(n_matched, 1)) / sum(coalesce(n_matched, 1)), "
      "sum(held_out * coalesce(n_matched, 1)) / sum(coalesce(n_matched, 1)), min(held_out) "
      "FROM transfer_map WHERE experiment = ? GROUP BY map, measure ORDER BY map");
  maps.bind(1, experiment);
  while (maps.step()) {
    table.add({maps.text(0), maps.text(1), maps.text(2), maps.text(3), maps.text(4),
               maps.text(5).empty() ? "-" : maps.text(5), share_text(maps, 6), share_text(maps, 7),
               share_text(maps, 8)});
  }
  table.write(out);
}

void write_products(std::ostream& out, const Database& db, const std::string& experiment) {
  out << "What the maps made of the donor's neurons, over all tasks. Similarity: size of the held-out correlation of "
         "matched neurons, or of the cosine of what the receiver's neurons write with what the donor's write, mapped; "
         "mean over neurons. What it is worth stands where it is used: see steering and sets.\n\n";
  MarkdownTable table({"made", "tasks", "neurons of a task", "layers", "similarity"});
  Statement sets = db.connection().prepare(
      "SELECT experiment || '/' || map || '/' || source, count(*), min(n), max(n), max(layers), sum(n * similarity) / "
      "sum(n) FROM (SELECT experiment, map, source, task, count(*) AS n, count(DISTINCT layer) AS layers, "
      "avg(abs(similarity)) AS similarity FROM transferred_neuron WHERE experiment = ? GROUP BY map, source, task) "
      "GROUP BY map, source ORDER BY source, map");
  sets.bind(1, experiment);
  while (sets.step()) {
    const std::string least = sets.text(2), most = sets.text(3);
    table.add({sets.text(0), sets.text(1), least == most ? most : fmt::format("{} to {}", least, most), sets.text(4),
               share_text(sets, 5)});
  }
  table.write(out);
}

}  // namespace

void write_transfers(std::ostream& out, const Database& db) {
  Statement experiments = db.connection().prepare("SELECT DISTINCT experiment FROM layer_similarity ORDER BY 1");
  while (experiments.step()) {
    const std::string experiment = experiments.text(0);
    const auto layers =
        db.select<LayerSimilarityRow>("WHERE experiment = ? ORDER BY donor_layer, receiver_layer", {experiment});
    out << fmt::format("## Transfer: {} ({} to {})\n\n", experiment, layers.front().donor, layers.front().receiver);
    write_layers(out, layers);
    write_maps(out, db, experiment);
    write_products(out, db, experiment);
  }
}

}  // namespace neurosweep
