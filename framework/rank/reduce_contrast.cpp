#include <algorithm>
#include <cmath>

#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/scores.hpp"

namespace neurosweep {
namespace {

constexpr const char* kTracesSql = R"(
SELECT t.round_id, t.unit, t.seq, t.task, t.item, t.attempt, t.correct
FROM trace AS t JOIN round AS r USING (round_id) JOIN activation_mean AS a USING (round_id, unit, seq)
WHERE r.experiment = ? AND t.model = ? AND a.n_nonfinite = 0)";

struct ContrastRows {
  std::vector<ContrastScoreRow> scores;
  std::vector<CriticalSetRow> selected;
};

std::vector<TraceKey> usable_traces(const Database& db, const ContrastSpec& spec, const std::string& model) {
  Statement statement = db.connection().prepare(kTracesSql);
  statement.bind(1, spec.trace_experiment);
  statement.bind(2, model);
  std::vector<TraceKey> traces;
  while (statement.step()) {
    if (std::ranges::find(spec.tasks, statement.text(3)) == spec.tasks.end()) continue;
    traces.push_back({statement.integer(0), statement.integer(1), statement.integer(2), statement.text(3),
                      statement.text(4), statement.integer(5), statement.integer(6)});
  }
  return traces;
}

std::vector<float> means_of(const Database& db, const TraceKey& key, std::int64_t expected) {
  const auto rows =
      db.select<ActivationMeanRow>("WHERE round_id = ? AND unit = ? AND seq = ?", {key.round_id, key.unit, key.seq});
  ensure(rows.size() == 1, "a trace joined to its activation means");
  if (rows[0].n != expected) {
    throw error(ErrorKind::store, "{}: trace {}/{}/{} has {} neuron means, its model has {} neurons: run verify",
                db.path(), key.round_id, key.unit, key.seq, rows[0].n, expected);
  }
  return rows[0].mean_values;
}

void append_rows(ContrastRows& rows, const ContrastSpec& spec, const ModelRow& model, const std::string& task,
                 const ContrastScores& scores) {
  const std::vector<std::int64_t> best = rank_contrast(scores, spec.K, spec.polarity);
  const std::size_t first = rows.scores.size();
  for (std::size_t i = 0; i < scores.score.size(); ++i) {
    const NeuronId id = neuron_at(static_cast<std::int64_t>(i), model.n_neurons_per_layer);
    rows.scores.push_back({spec.experiment, model.name, task, to_int(id.layer), to_int(id.neuron), scores.pairs,
                           scores.score[i], scores.mean_correct[i], scores.mean_incorrect[i],
                           scores.sign_flip(i) ? 1 : 0, std::nullopt});
  }
  for (std::size_t k = 0; k < best.size(); ++k) {
    const NeuronId id = neuron_at(best[k], model.n_neurons_per_layer);
    const std::int64_t rank_no = static_cast<std::int64_t>(k) + 1;
    rows.scores[first + best[k]].rank_no = rank_no;
    rows.selected.push_back({spec.experiment, model.name, task, rank_no, to_int(id.layer), to_int(id.neuron),
                             scores.score[best[k]], "contrast"});
  }
}

std::string no_pair_line(const ContrastSpec& spec, const std::string& model, const std::string& task,
                         std::int64_t traces) {
  return fmt::format(
      "contrast '{}': model '{}' task '{}' has no item with both a correct and an incorrect trace ({} usable traces "
      "in '{}'): raise attempts or temperature, or take items of middling difficulty",
      spec.experiment, model, task, traces, spec.trace_experiment);
}

/// Folds each pair into its task's contrast and into the pool of all tasks.
void reduce_model(const Database& db, const ContrastSpec& spec, const ModelRow& model, ContrastRows& rows,
                  std::vector<std::string>& problems) {
  const std::vector<TraceKey> traces = usable_traces(db, spec, model.name);
  const std::vector<TracePair> pairs = pair_traces(traces);
  const std::int64_t neurons = model.n_layers * model.n_neurons_per_layer;
  ContrastFold pool;
  for (const std::string& task : spec.tasks) {
    ContrastFold fold;
    for (const TracePair& pair : pairs) {
      if (pair.correct.task != task) continue;
      const std::vector<float> correct = means_of(db, pair.correct, neurons);
      const std::vector<float> incorrect = means_of(db, pair.incorrect, neurons);
      fold.add(correct, incorrect);
      pool.add(correct, incorrect);
    }
    const ContrastScores scores = fold.finish();
    if (scores.pairs > 0) {
      append_rows(rows, spec, model, task, scores);
    } else {
      problems.push_back(no_pair_line(spec, model.name, task, std::ranges::count(traces, task, &TraceKey::task)));
      log_warning("{}", problems.back());
    }
  }
  if (!pairs.empty()) append_rows(rows, spec, model, kAllTasks, pool.finish());
}

}  // namespace

std::vector<std::string> reduce_contrast(Database& db, const ContrastSpec& spec) {
  ContrastRows rows;
  std::vector<std::string> problems;
  for (const std::string& name : spec.models) {
    const auto models = db.select<ModelRow>("WHERE name = ?", {name});
    if (models.empty()) throw input_error("{}: no model '{}' in this store", db.path(), name);
    reduce_model(db, spec, models.front(), rows, problems);
  }
  replace_derived(db, spec.experiment, rows.scores);
  replace_derived(db, spec.experiment, rows.selected);
  if (rows.scores.empty()) {
    throw input_error("contrast '{}': no model and task has a trace pair: {}", spec.experiment,
                      problems.empty() ? "name at least one model and task" : problems.front());
  }
  return problems;
}

}  // namespace neurosweep
