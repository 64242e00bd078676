#include <map>
#include <ostream>
#include <tuple>

#include "framework/base/error.hpp"
#include "framework/rank/stats.hpp"
#include "framework/report/report.hpp"

namespace neurosweep {
namespace {

template <class T>
SqlValue value_of(const std::optional<T>& value) {
  return value ? SqlValue(*value) : SqlValue();
}

/// The sweep, model, task, metric and op within which candidates and controls are compared.
using Family = std::tuple<std::string, std::string, std::string, std::string, std::string>;

Family family_of(const NeuronEffectRow& row) {
  return {row.experiment, row.model, row.task, row.metric, row.op};
}

/// The 5 % quantile of the random controls' mean effects.
std::map<Family, double> control_quantiles(const Database& db) {
  std::map<Family, std::vector<double>> means;
  db.for_each<NeuronEffectRow>("WHERE role = 'control'", {},
                               [&](NeuronEffectRow&& row) { means[family_of(row)].push_back(row.mean); });
  std::map<Family, double> quantiles;
  for (const auto& [family, values] : means) quantiles[family] = quantile(values, 0.05);
  return quantiles;
}

}  // namespace

QueryResult rank_table(const Database& db, const RankTableSpec& spec) {
  QueryResult table{{"experiment", "model", "task", "metric", "rank", "layer", "neuron", "op", "effect", "low", "high",
                     "n", "p", "q", "controls_low", "critical"},
                    {}};
  const auto controls = control_quantiles(db);
  const char* tail =
      "WHERE role = 'candidate' AND rank_no <= ?1 AND (?2 = '' OR experiment = ?2) AND (?3 = '' OR model = ?3) AND "
      "(?4 = '' OR task = ?4) AND (?5 = '' OR metric = ?5) ORDER BY experiment, model, task, metric, rank_no";
  const std::vector<SqlValue> binds = {spec.top, spec.experiment, spec.model, spec.task, spec.metric};
  db.for_each<NeuronEffectRow>(tail, binds, [&](NeuronEffectRow&& row) {
    const auto low = controls.find(family_of(row));
    table.rows.push_back({row.experiment, row.model, row.task, row.metric, value_of(row.rank_no), row.layer, row.neuron,
                          row.op, row.mean, value_of(row.ci_low), value_of(row.ci_high), row.n, value_of(row.p),
                          value_of(row.q), low == controls.end() ? SqlValue() : SqlValue(low->second),
                          row.critical != 0 ? "yes" : "no"});
  });
  if (table.rows.empty()) {
    throw input_error(
        "{}: no ranked neuron fits (experiment '{}', model '{}', task '{}', metric '{}'; '' is any): run a sweep, or "
        "name others: neurosweep query DIR \"SELECT DISTINCT experiment, model, task, metric FROM neuron_effect\"",
        db.path(), spec.experiment, spec.model, spec.task, spec.metric);
  }
  return table;
}

void print_rank_table(std::ostream& out, const Database& db, const RankTableSpec& spec, TableFormat format) {
  print_table(out, rank_table(db, spec), format);
}

}  // namespace neurosweep
