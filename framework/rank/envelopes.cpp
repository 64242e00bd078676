#include "framework/rank/envelopes.hpp"

#include <algorithm>

#include "framework/base/error.hpp"
#include "framework/base/ids.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/stats.hpp"
#include "framework/rank/trace_reader.hpp"

namespace neurosweep {

namespace {

/// Ranges of successful replies, each the least of every neuron, then the largest.
std::vector<std::vector<float>> read_ranges(const Database& db, const std::string& experiment, const std::string& model,
                                            const std::vector<std::string>& tasks, std::size_t K) {
  std::vector<std::vector<float>> ranges;
  for (const TraceKey& key : read_traces(db, experiment, model, tasks, "activation_range")) {
    if (key.correct == 0) continue;
    auto rows =
        db.select<ActivationRangeRow>("WHERE round_id = ? AND unit = ? AND seq = ?", {key.round_id, key.unit, key.seq});
    ensure(rows.size() == 1 && rows[0].ranges.size() == 2 * K, "ranges of the round's neurons");
    ranges.push_back(std::move(rows[0].ranges));
  }
  return ranges;
}

ActivationEnvelopeRow envelope_of(const std::vector<std::vector<float>>& ranges, std::size_t k, std::size_t K,
                                  double outside) {
  std::vector<double> least, largest;
  for (const auto& range : ranges) {
    least.push_back(range[k]);
    largest.push_back(range[K + k]);
  }
  ActivationEnvelopeRow row;
  row.n = static_cast<std::int64_t>(ranges.size());
  row.lowest = std::ranges::min(least);
  row.highest = std::ranges::max(largest);
  row.low = quantile(least, outside);
  row.high = quantile(largest, 1 - outside);
  row.outside = outside;
  return row;
}

}  // namespace

std::vector<std::string> reduce_envelopes(Database& db, const std::string& experiment,
                                          const std::vector<std::string>& models, const std::vector<std::string>& tasks,
                                          double outside) {
  std::vector<ActivationEnvelopeRow> rows;
  std::vector<std::string> problems;
  std::vector<std::string> places = tasks;
  places.emplace_back(kAllTasks);
  for (const auto& model : models) {
    const auto members = db.select<SetMemberRow>(
        "WHERE set_name = ? AND model = ? AND round_id = (SELECT round_id FROM round WHERE experiment = ? AND round_no "
        "= 0) ORDER BY layer, neuron",
        {std::string(kEnvelopeSet), model, experiment});
    if (members.empty()) continue;
    for (const auto& task : places) {
      const auto ranges =
          read_ranges(db, experiment, model, task == kAllTasks ? tasks : std::vector{task}, members.size());
      if (ranges.empty()) {
        problems.push_back(
            fmt::format("envelope '{}': model '{}' has no successful reply to task '{}'", experiment, model, task));
        log_warning("{}", problems.back());
        continue;
      }
      for (std::size_t k = 0; k < members.size(); ++k) {
        ActivationEnvelopeRow row = envelope_of(ranges, k, members.size(), outside);
        row.experiment = experiment;
        row.model = model;
        row.task = task;
        row.layer = members[k].layer;
        row.neuron = members[k].neuron;
        rows.push_back(std::move(row));
      }
    }
  }
  replace_derived(db, experiment, rows);
  return problems;
}

}  // namespace neurosweep
