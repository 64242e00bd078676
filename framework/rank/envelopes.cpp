#include "framework/rank/envelopes.hpp"

#include <algorithm>
#include <span>

#include "framework/base/error.hpp"
#include "framework/base/ids.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/stats.hpp"
#include "framework/rank/trace_reader.hpp"

namespace neurosweep {

namespace {

std::vector<TraceKey> successful_replies(const Database& db, const std::string& experiment, const std::string& model,
                                         const std::vector<std::string>& tasks) {
  auto keys = read_traces(db, experiment, model, tasks, "activation_range");
  std::erase_if(keys, [](const TraceKey& key) { return key.correct == 0; });
  return keys;
}

/// The least of what was added to each of several neurons, a number of values each.
class LeastOfEach {
 public:
  LeastOfEach(std::size_t neurons, std::size_t kept) : kept_(kept), values_(neurons * kept) {}

  /// Adds a value to every neuron.
  ///   values  [neurons]
  ///   sign    they are multiplied with
  void add(const float* values, float sign) {
    const bool is_full = n_ == kept_;
    if (!is_full) ++n_;
    for (std::size_t k = 0; k * kept_ < values_.size(); ++k) {
      float* const heap = values_.data() + k * kept_;
      const float value = sign * values[k];
      if (is_full) {
        if (value >= heap[0]) continue;
        std::pop_heap(heap, heap + n_);
      }
      heap[n_ - 1] = value;
      std::push_heap(heap, heap + n_);
    }
  }

  /// The values of a neuron, ascending; nothing can be added to it any more.
  std::span<const float> sorted(std::size_t k) {
    const std::span heap = std::span(values_).subspan(k * kept_, n_);
    std::ranges::sort_heap(heap);
    return heap;
  }

 private:
  std::size_t kept_, n_ = 0;
  std::vector<float> values_;  ///< [neurons, kept], heaps
};

/// Calls visit(neuron, row) for each neuron of a round, with the range of its activation over replies.
///   keys  of the replies, at least one
template <class Visit>
void for_each_envelope(const Database& db, const std::vector<TraceKey>& keys, std::size_t K,
                       const EnvelopeOptions& options, Visit&& visit) {
  const std::size_t n = keys.size();
  const QuantilePlace low = quantile_place(n, options.outside), high = quantile_place(n, 1 - options.outside);
  const std::size_t kept_low = low.above + 1, kept_high = n - high.below;
  const std::size_t at_once = std::max<std::size_t>(1, options.most_kept / (kept_low + kept_high));
  for (std::size_t first = 0; first < K; first += at_once) {
    const std::size_t neurons = std::min(at_once, K - first);
    LeastOfEach least(neurons, kept_low), largest(neurons, kept_high);
    for (const TraceKey& key : keys) {
      const auto rows = db.select<ActivationRangeRow>("WHERE round_id = ? AND unit = ? AND seq = ?",
                                                      {key.round_id, key.unit, key.seq});
      ensure(rows.size() == 1 && rows[0].ranges.size() == 2 * K, "ranges of the round's neurons");
      least.add(rows[0].ranges.data() + first, 1);
      largest.add(rows[0].ranges.data() + K + first, -1);
    }
    for (std::size_t k = 0; k < neurons; ++k) {
      const auto lows = least.sorted(k), highs = largest.sorted(k);
      ActivationEnvelopeRow row;
      row.n = static_cast<std::int64_t>(n);
      row.lowest = lows[0];
      row.highest = -highs[0];
      row.low = low.between(lows[low.below], lows[low.above]);
      row.high = high.between(-highs[n - 1 - high.below], -highs[n - 1 - high.above]);
      row.outside = options.outside;
      visit(first + k, std::move(row));
    }
  }
}

}  // namespace

std::vector<std::string> reduce_envelopes(Database& db, const std::string& experiment,
                                          const std::vector<std::string>& models, const std::vector<std::string>& tasks,
                                          const EnvelopeOptions& options) {
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
      const auto replies = successful_replies(db, experiment, model, task == kAllTasks ? tasks : std::vector{task});
      if (replies.empty()) {
        problems.push_back(
            fmt::format("envelope '{}': model '{}' has no successful reply to task '{}'", experiment, model, task));
        log_warning("{}", problems.back());
        continue;
      }
      for_each_envelope(db, replies, members.size(), options, [&](std::size_t k, ActivationEnvelopeRow row) {
        row.experiment = experiment;
        row.model = model;
        row.task = task;
        row.layer = members[k].layer;
        row.neuron = members[k].neuron;
        rows.push_back(std::move(row));
      });
    }
  }
  replace_derived(db, experiment, rows);
  return problems;
}

}  // namespace neurosweep
