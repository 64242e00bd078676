#include "experiments/monitor_data.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "framework/base/error.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/rank/anova_fold.hpp"

namespace neurosweep {

namespace {

using ItemKey = std::pair<std::string, std::string>;  ///< task, item

constexpr const char* kRoundOf = "round_id = (SELECT round_id FROM round WHERE experiment = ? AND round_no = ?)";

/// Calls visit(trace, row) for every trace of a model in a round that has a row of this type.
template <class Row, class Visit>
void for_each_trace_with(const Database& db, const MonitorSpec& keys, std::int64_t round_no, const std::string& model,
                         Visit&& visit) {
  std::map<std::pair<std::int64_t, std::int64_t>, TraceRow> traces;
  db.for_each<TraceRow>(fmt::format("WHERE model = ? AND {}", kRoundOf), {model, keys.name, round_no},
                        [&](TraceRow&& row) { traces.emplace(std::pair(row.unit, row.seq), std::move(row)); });
  db.for_each<Row>(fmt::format("WHERE {} ORDER BY unit, seq", kRoundOf), {keys.name, round_no}, [&](Row&& row) {
    const auto found = traces.find({row.unit, row.seq});
    if (found != traces.end()) visit(found->second, std::move(row));
  });
}

}  // namespace

std::vector<ReadReply> read_replies(const MonitorSpec& keys, const Catalog& catalog, const Database& db,
                                    const std::string& model) {
  std::map<ItemKey, ReadReply> known;
  for_each_trace_with<MonitorReadingRow>(
      db, keys, keys.reading_round(), model, [&](const TraceRow& trace, MonitorReadingRow&& row) {
        ReadReply reply{trace.task, trace.item, "", {}, std::move(row.readings), static_cast<std::size_t>(row.n_rows)};
        reply.outcome = {trace.correct == 0, trace.n_tokens, row.answer_token, {}};
        known.emplace(ItemKey{trace.task, trace.item}, std::move(reply));
      });
  std::vector<ReadReply> replies;
  for (const char* split : kPredictSplits) {
    for (const auto& task : keys.tasks) {
      for (const TaskItem& item : keys.chosen(catalog, task, split)) {
        auto found = known.extract(ItemKey{task, item.id});
        if (found.empty()) continue;
        found.mapped().split = split;
        replies.push_back(std::move(found.mapped()));
      }
    }
  }
  return replies;
}

std::vector<NeuronId> choose_monitored(const MonitorSpec& keys, const Database& db, const ArchSpec& arch,
                                       const std::string& model) {
  AnovaFold fold;
  for_each_trace_with<ActivationMeanRow>(db, keys, 0, model, [&](const TraceRow& trace, ActivationMeanRow&& row) {
    fold.add(row.mean_values, trace.correct == 0 ? 1 : 0);
  });
  std::vector<NeuronId> neurons;
  if (!fold.outcome_varies()) return neurons;
  for (const std::int64_t flat : largest(fold.finish(), keys.features)) neurons.push_back(neuron_at(flat, arch.M));
  std::ranges::sort(neurons);
  return neurons;
}

std::vector<NeuronId> stored_monitored(const MonitorSpec& keys, const Database& db, const std::string& model) {
  std::vector<NeuronId> neurons;
  db.for_each<SetMemberRow>(fmt::format("WHERE model = ? AND {} ORDER BY layer, neuron", kRoundOf),
                            {model, keys.name, keys.reading_round()},
                            [&](SetMemberRow&& row) { neurons.push_back(neuron_of(row)); });
  return neurons;
}

}  // namespace neurosweep
