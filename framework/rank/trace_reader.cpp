#include "framework/rank/trace_reader.hpp"

#include <algorithm>

#include "framework/base/error.hpp"

namespace neurosweep {

ModelRow read_model(const Database& db, const std::string& name) {
  auto models = db.select<ModelRow>("WHERE name = ?", {name});
  if (models.empty()) throw input_error("{}: no model '{}' in this store", db.path(), name);
  return std::move(models.front());
}

std::vector<TraceKey> read_traces(const Database& db, const std::string& experiment, const std::string& model,
                                  const std::vector<std::string>& tasks, const std::string& table) {
  Statement statement = db.connection().prepare(
      fmt::format("SELECT t.round_id, t.unit, t.seq, t.task, t.item, t.attempt, t.correct "
                  "FROM trace AS t JOIN round AS r USING (round_id) JOIN \"{}\" AS a USING (round_id, unit, seq) "
                  "WHERE r.experiment = ? AND t.model = ? AND a.n_nonfinite = 0 ORDER BY t.round_id, t.unit, t.seq",
                  table));
  statement.bind(1, experiment);
  statement.bind(2, model);
  std::vector<TraceKey> traces;
  while (statement.step()) {
    if (std::ranges::find(tasks, statement.text(3)) == tasks.end()) continue;
    traces.push_back({statement.integer(0), statement.integer(1), statement.integer(2), statement.text(3),
                      statement.text(4), statement.integer(5), statement.integer(6)});
  }
  return traces;
}

std::vector<float> read_means(const Database& db, const TraceKey& key, std::int64_t expected) {
  auto rows =
      db.select<ActivationMeanRow>("WHERE round_id = ? AND unit = ? AND seq = ?", {key.round_id, key.unit, key.seq});
  ensure(rows.size() == 1, "a trace joined to its activation means");
  if (rows[0].n != expected) {
    throw error(ErrorKind::store, "{}: trace {}/{}/{} has {} neuron means, its model has {} neurons: run verify",
                db.path(), key.round_id, key.unit, key.seq, rows[0].n, expected);
  }
  return std::move(rows[0].mean_values);
}

}  // namespace neurosweep
