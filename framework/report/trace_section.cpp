#include <map>
#include <ostream>
#include <set>
#include <tuple>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/resampling.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

constexpr const char* kItemsSql = R"(
SELECT r.experiment, t.model, t.task, t.item, count(*), sum(t.correct), total(t.n_tokens)
FROM trace AS t JOIN round AS r USING (round_id)
GROUP BY r.experiment, t.model, t.task, t.item ORDER BY r.experiment, t.model, t.task, t.item)";

/// Traces of one experiment, model and task.
struct TraceSummary {
  std::vector<double> item_accuracy;
  std::int64_t traces = 0;
  std::int64_t tokens = 0;
  std::int64_t mixed_items = 0;  ///< with both outcomes
  std::int64_t right_items = 0;  ///< with correct traces only
};

using Place = std::tuple<std::string, std::string, std::string>;  // experiment, model, task

std::map<Place, TraceSummary> read_traces(const Database& db) {
  std::map<Place, TraceSummary> summaries;
  Statement items = db.connection().prepare(kItemsSql);
  while (items.step()) {
    TraceSummary& summary = summaries[{items.text(0), items.text(1), items.text(2)}];
    const std::int64_t traces = items.integer(4);
    const std::int64_t correct = items.integer(5);
    summary.item_accuracy.push_back(static_cast<double>(correct) / static_cast<double>(traces));
    summary.traces += traces;
    summary.mixed_items += correct > 0 && correct < traces ? 1 : 0;
    summary.right_items += correct == traces ? 1 : 0;
    double tokens = 0;
    items.read(6, tokens);
    summary.tokens += static_cast<std::int64_t>(tokens);
  }
  return summaries;
}

std::string accuracy_interval(const TraceSummary& summary, const Place& place, std::uint64_t seed) {
  if (summary.item_accuracy.size() < 2) return "-";
  const std::string content = fmt::format("{}\n{}\n{}", std::get<0>(place), std::get<1>(place), std::get<2>(place));
  const Interval interval = bootstrap_interval(summary.item_accuracy, {.seed = derive_seed(seed, content)});
  return interval_text(interval.low, interval.high, percent_text);
}

/// Neurons of a set, without their order.
std::set<NeuronId> ids_of(const CriticalSet& set) {
  std::set<NeuronId> ids;
  for (const CriticalNeuron& neuron : set.neurons) ids.insert(neuron.id);
  return ids;
}

std::vector<CriticalSet> read_all_sets(const Database& db, const std::string& source) {
  Statement names = db.connection().prepare("SELECT DISTINCT experiment FROM critical_set WHERE source = ? ORDER BY 1");
  names.bind(1, source);
  std::vector<CriticalSet> sets;
  while (names.step()) {
    for (CriticalSet& set : read_critical_sets(db, names.text(0))) sets.push_back(std::move(set));
  }
  return sets;
}

/// Members of a contrast set that suppression proved critical for the same model and task.
std::string proved_text(const CriticalSet& contrast, const std::vector<CriticalSet>& sweeps) {
  std::set<NeuronId> proved;
  bool swept = false;
  for (const CriticalSet& sweep : sweeps) {
    if (sweep.model != contrast.model || sweep.task != contrast.task) continue;
    swept = true;
    for (const NeuronId& id : ids_of(sweep)) proved.insert(id);
  }
  if (!swept) return "-";
  std::int64_t shared = 0;
  for (const NeuronId& id : ids_of(contrast)) shared += proved.contains(id) ? 1 : 0;
  return fmt::format("{}", shared);
}

void write_overlap(std::ostream& out, const std::vector<CriticalSet>& sets) {
  MarkdownTable table({"experiment", "model", "task", "other task", "shared", "of"});
  for (const CriticalSet& one : sets) {
    for (const CriticalSet& other : sets) {
      const bool comparable = one.experiment == other.experiment && one.model == other.model && one.task < other.task;
      if (!comparable || one.task == kAllTasks) continue;
      const std::set<NeuronId> ids = ids_of(one);
      std::int64_t shared = 0;
      for (const NeuronId& id : ids_of(other)) shared += ids.contains(id) ? 1 : 0;
      table.add({one.experiment, one.model, one.task, other.task, fmt::format("{}", shared),
                 fmt::format("{}", std::min(one.neurons.size(), other.neurons.size()))});
    }
  }
  if (table.empty()) return;
  out << "Neurons that the contrast selected for two tasks alike; \"of\" is the size of the smaller selection.\n\n";
  table.write(out);
}

}  // namespace

void write_traces(std::ostream& out, const Database& db) {
  const std::map<Place, TraceSummary> summaries = read_traces(db);
  if (summaries.empty()) return;
  const std::uint64_t seed = static_cast<std::uint64_t>(db.study().seed);
  out << "## How often the models reason correctly\n\n"
      << "Accuracy of the sampled reasoning traces, untouched, averaged within an item, then over items. The 95 % "
         "interval is a BCa bootstrap over items, for traces of one item are not independent. Only items with both a "
         "correct and an incorrect trace can be contrasted; the others never disagree. Where attempts stop early, "
         "items of middling difficulty have fewer of them.\n\n";
  MarkdownTable table({"experiment", "model", "task", "items", "traces", "accuracy", "95 % interval",
                       "items with both outcomes", "always right", "always wrong", "tokens per trace"});
  for (const auto& [place, summary] : summaries) {
    const auto& [experiment, model, task] = place;
    const auto items = static_cast<std::int64_t>(summary.item_accuracy.size());
    table.add({experiment, model, task, fmt::format("{}", items), fmt::format("{}", summary.traces),
               percent_text(moments_of(summary.item_accuracy).mean), accuracy_interval(summary, place, seed),
               fmt::format("{}", summary.mixed_items), fmt::format("{}", summary.right_items),
               fmt::format("{}", items - summary.mixed_items - summary.right_items),
               fmt::format("{:.1f}", static_cast<double>(summary.tokens) / static_cast<double>(summary.traces))});
  }
  table.write(out);
}

void write_contrast(std::ostream& out, const Database& db) {
  Statement tasks = db.connection().prepare(
      "SELECT experiment, model, task, max(n_pairs), count(*), sum(sign_flip), count(rank_no) FROM contrast_score "
      "GROUP BY experiment, model, task ORDER BY experiment, model, task");
  const std::vector<CriticalSet> contrasts = read_all_sets(db, "contrast");
  const std::vector<CriticalSet> sweeps = read_all_sets(db, "sweep");
  MarkdownTable table(
      {"experiment", "model", "task", "trace pairs", "neurons", "change sign", "selected", "proved critical"});
  while (tasks.step()) {
    std::string proved = "-";
    for (const CriticalSet& set : contrasts) {
      const bool same = set.experiment == tasks.text(0) && set.model == tasks.text(1) && set.task == tasks.text(2);
      if (same) proved = proved_text(set, sweeps);
    }
    table.add({tasks.text(0), tasks.text(1), tasks.text(2), tasks.text(3), tasks.text(4), tasks.text(5), tasks.text(6),
               proved});
  }
  if (table.empty()) return;
  out << "## Neurons that differ between correct and incorrect traces\n\n"
      << "For each neuron the mean activation over a correct trace minus that over an incorrect trace of the same "
         "item, averaged over pairs (arXiv:2601.19847, eq. 1). \"Change sign\" counts neurons whose mean activation "
         "has opposite signs in the two (eq. 2); the largest differences are selected. A difference is no proof: "
         "\"proved critical\" counts the selected neurons whose suppression passed the tests of the next chapter. "
         "Task `*` pools all tasks.\n\n";
  table.write(out);
  write_overlap(out, contrasts);
}

}  // namespace neurosweep
