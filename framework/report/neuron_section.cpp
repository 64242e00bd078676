#include <map>
#include <ostream>
#include <tuple>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

constexpr std::int64_t kNeuronsShown = 10;

/// Effects of one experiment, model and metric.
struct Place {
  std::string experiment;
  std::string model;
  std::string metric;
};

std::vector<Place> read_places(const Database& db) {
  Statement rows =
      db.connection().prepare("SELECT DISTINCT experiment, model, metric FROM neuron_effect ORDER BY 1, 2, 3");
  std::vector<Place> places;
  while (rows.step()) places.push_back({rows.text(0), rows.text(1), rows.text(2)});
  return places;
}

std::vector<NeuronEffectRow> read_effects(const Database& db, const Place& place, const std::string& tail) {
  return db.select<NeuronEffectRow>("WHERE experiment = ? AND model = ? AND metric = ? " + tail,
                                    {place.experiment, place.model, place.metric});
}

/// Candidates and controls of one task.
struct Verdicts {
  std::int64_t candidates = 0;
  std::int64_t critical = 0;
  std::int64_t items = 0;
  std::vector<double> control_means;
  double best = 0;  ///< most negative candidate mean
};

void write_verdicts(std::ostream& out, const Database& db, const Place& place) {
  std::map<std::string, Verdicts> tasks;
  for (const NeuronEffectRow& row : read_effects(db, place, "ORDER BY task, role, layer, neuron, op")) {
    Verdicts& verdicts = tasks[row.task];
    verdicts.items = std::max(verdicts.items, row.n);
    if (row.role == "control") {
      verdicts.control_means.push_back(row.mean);
      continue;
    }
    ++verdicts.candidates;
    verdicts.critical += row.critical;
    verdicts.best = std::min(verdicts.best, row.mean);
  }
  MarkdownTable table({"task", "items", "candidates", "critical", "most negative effect", "random controls",
                       "controls' 5 % quantile", "controls' median"});
  for (const auto& [task, verdicts] : tasks) {
    std::optional<double> low, middle;
    if (!verdicts.control_means.empty()) {
      low = quantile(verdicts.control_means, 0.05);
      middle = quantile(verdicts.control_means, 0.5);
    }
    table.add({task, fmt::format("{}", verdicts.items), fmt::format("{}", verdicts.candidates),
               fmt::format("{}", verdicts.critical), plain_number(verdicts.best),
               fmt::format("{}", verdicts.control_means.size()), number_text(low), number_text(middle)});
  }
  out << "How many neurons passed, and what suppressing randomly drawn neurons does beside them (effects in units of "
         "the metric, mean over items).\n\n";
  table.write(out);
}

std::string class_text(const Database& db, const Place& place, const NeuronEffectRow& row) {
  const auto classes = db.select<NeuronClassRow>("WHERE experiment = ? AND model = ? AND layer = ? AND neuron = ?",
                                                 {place.experiment, place.model, row.layer, row.neuron});
  if (classes.empty() || classes[0].n_tasks_critical == 0) return "-";
  return fmt::format("{} ({})", classes[0].class_name, classes[0].tasks);
}

void write_top(std::ostream& out, const Database& db, const Place& place) {
  MarkdownTable table(
      {"rank", "layer", "neuron", "op", "effect", "95 % interval", "items", "p", "q", "critical", "class (tasks)"});
  std::int64_t critical = 0;
  const std::string tail = fmt::format("AND task = '{}' AND rank_no <= {} ORDER BY rank_no", kAllTasks, kNeuronsShown);
  for (const NeuronEffectRow& row : read_effects(db, place, tail)) {
    critical += row.critical;
    table.add({fmt::format("{}", row.rank_no.value_or(0)), fmt::format("{}", row.layer), fmt::format("{}", row.neuron),
               row.op, plain_number(row.mean), interval_text(row.ci_low, row.ci_high, plain_number),
               fmt::format("{}", row.n), p_text(row.p), p_text(row.q), row.critical != 0 ? "yes" : "no",
               class_text(db, place, row)});
  }
  if (table.empty()) return;
  out << "The most harmful suppressions over all tasks together (task `*`), most harmful first. Intervals are Student "
         "t over items, p is Wilcoxon's signed-rank test, q is p adjusted over all candidates "
         "(Benjamini-Hochberg).\n\n";
  table.write(out);
  if (critical == 0) {
    out << "**No neuron of this list is shown to be critical.** Its effects are within what chance or random neurons "
           "give.\n\n";
  }
}

}  // namespace

void write_neurons(std::ostream& out, const Database& db) {
  const std::vector<Place> places = read_places(db);
  if (places.empty()) return;
  out << "## Neurons whose suppression hurts\n\n"
      << "An effect is the metric with the neuron suppressed minus the metric untouched, on the same item; negative "
         "means that the neuron was needed. Log-probabilities are natural logarithms. A neuron is called critical "
         "when three things hold: its q is at most the study's false discovery rate, its mean effect is negative, and "
         "that mean is below the low quantile of the random controls. It is \"general\" when it is critical in "
         "several tasks, \"specific\" in fewer.\n\n";
  for (const Place& place : places) {
    out << fmt::format("### Model {}, {} (experiment {})\n\n", place.model, place.metric, place.experiment);
    write_verdicts(out, db, place);
    write_top(out, db, place);
  }
}

}  // namespace neurosweep
