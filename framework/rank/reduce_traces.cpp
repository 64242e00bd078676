#include "framework/rank/reduce_traces.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <vector>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/resampling.hpp"

namespace neurosweep {
namespace {

constexpr const char* kTracesSql = R"(
SELECT t.model, t.task, t.item, t.correct, t.n_tokens, g.magnitude, g.angle
FROM trace AS t JOIN round AS r USING (round_id) LEFT JOIN trace_geometry AS g USING (round_id, unit, seq)
WHERE r.experiment = ? ORDER BY t.round_id, t.unit, t.seq)";

constexpr std::array<const char*, 3> kMeasures = {"tokens", "magnitude", "angle"};

/// The attempts at an item of one outcome.
struct Side {
  std::int64_t traces = 0;
  std::array<Moments, kMeasures.size()> measures;
};

/// The attempts at an item, by whether they were right.
struct Item {
  std::array<Side, 2> sides;
  std::int64_t wrong() const { return sides[0].traces; }
  std::int64_t right() const { return sides[1].traces; }
};

using Place = std::pair<std::string, std::string>;                                   // model, task
using Items = std::map<Place, std::map<std::pair<std::string, std::string>, Item>>;  // task and name of the item

Items read_items(const Database& db, const std::string& experiment) {
  Items items;
  Statement traces = db.connection().prepare(kTracesSql);
  traces.bind(1, experiment);
  while (traces.step()) {
    const std::pair name(traces.text(1), traces.text(2));
    for (const std::string& task : {traces.text(1), std::string(kAllTasks)}) {
      Side& side = items[{traces.text(0), task}][name].sides[traces.integer(3) != 0 ? 1 : 0];
      ++side.traces;
      for (std::size_t m = 0; m < kMeasures.size(); ++m) {
        const int column = 4 + static_cast<int>(m);
        if (traces.is_null(column)) continue;
        double value = 0;
        traces.read(column, value);
        side.measures[m].add(value);
      }
    }
  }
  return items;
}

TraceAgreementRow agreement_of(const std::map<std::pair<std::string, std::string>, Item>& items,
                               std::int64_t stop_after) {
  TraceAgreementRow row;
  std::int64_t complete = 0;
  for (const auto& [name, item] : items) {
    ++row.n_items;
    row.n_traces += item.right() + item.wrong();
    row.n_correct += item.right();
    row.items_correct += item.wrong() == 0 ? 1 : 0;
    row.items_incorrect += item.right() == 0 ? 1 : 0;
    row.items_mixed += item.right() > 0 && item.wrong() > 0 ? 1 : 0;
    row.n_pairs += std::min(item.right(), item.wrong());
    complete += std::min(item.right(), item.wrong()) >= stop_after ? 1 : 0;
  }
  if (stop_after > 0) row.items_complete = complete;
  return row;
}

/// The contrast of one measure; n = 0 when no item has it for both outcomes.
GeometryContrastRow contrast_of(const std::map<std::pair<std::string, std::string>, Item>& items, std::size_t measure,
                                std::uint64_t seed) {
  GeometryContrastRow row;
  Moments correct, incorrect;
  std::vector<double> differences;
  for (const auto& [name, item] : items) {
    const Moments& wrong = item.sides[0].measures[measure];
    const Moments& right = item.sides[1].measures[measure];
    if (wrong.n == 0 || right.n == 0) continue;
    correct.add(right.mean);
    incorrect.add(wrong.mean);
    differences.push_back(right.mean - wrong.mean);
  }
  row.measure = kMeasures[measure];
  row.n = correct.n;
  row.correct = correct.mean;
  row.incorrect = incorrect.mean;
  row.difference = correct.mean - incorrect.mean;
  if (row.n < 2) return row;
  const Interval interval = bootstrap_interval(differences, {.seed = seed});
  row.ci_low = interval.low;
  row.ci_high = interval.high;
  row.p = wilcoxon_signed_rank(differences, Tail::two_sided).p;
  return row;
}

void log_agreement(const TraceAgreementRow& row) {
  log_info(
      "{}: model '{}' task '{}': {} of {} items have correct and incorrect attempts; {} always right, {} always "
      "wrong",
      row.experiment, row.model, row.task, row.items_mixed, row.n_items, row.items_correct, row.items_incorrect);
}

}  // namespace

void reduce_traces(Database& db, const std::string& experiment, std::int64_t stop_after) {
  const auto study_seed = static_cast<std::uint64_t>(db.study().seed);
  std::vector<TraceAgreementRow> agreements;
  std::vector<GeometryContrastRow> contrasts;
  for (const auto& [place, items] : read_items(db, experiment)) {
    TraceAgreementRow& agreement = agreements.emplace_back(agreement_of(items, stop_after));
    agreement.experiment = experiment;
    std::tie(agreement.model, agreement.task) = place;
    log_agreement(agreement);
    for (std::size_t m = 0; m < kMeasures.size(); ++m) {
      const auto seed = derive_seed(
          study_seed, fmt::format("geometry|{}|{}|{}|{}", experiment, place.first, place.second, kMeasures[m]));
      GeometryContrastRow row = contrast_of(items, m, seed);
      if (row.n == 0) continue;
      row.experiment = experiment;
      std::tie(row.model, row.task) = place;
      contrasts.push_back(std::move(row));
    }
  }
  replace_derived(db, experiment, agreements);
  replace_derived(db, experiment, contrasts);
}

}  // namespace neurosweep
