#include "experiments/monitor_reduce.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/intervene/monitor_signals.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/prediction_quality.hpp"
#include "framework/rank/proportions.hpp"
#include "framework/steer/monitor_fit.hpp"

namespace neurosweep {

namespace {

constexpr double kLevel = 0.95;
constexpr int kBins = 10;
constexpr int kErrorDraws = 200;       ///< of the interval of the calibration error
constexpr double kLeastOutcomes = 10;  ///< failed and right replies that a moment needs to be fitted

/// A predictor by the signals that it reads.
struct Reads {
  const char* name;
  std::vector<std::size_t> outputs;  ///< of kOutputSignals
  enum class Neurons { no, yes } neurons;
};

const std::vector<Reads>& all_predictors() {
  static const std::vector<Reads> table = {{"both", {0, 1, 2, 3, 4}, Reads::Neurons::yes},
                                           {"neurons", {}, Reads::Neurons::yes},
                                           {"output", {0, 1, 2, 3, 4}, Reads::Neurons::no},
                                           {"logprob", {1}, Reads::Neurons::no},
                                           {"lowest_logprob", {2}, Reads::Neurons::no},
                                           {"entropy", {3}, Reads::Neurons::no},
                                           {"length", {0}, Reads::Neurons::no}};
  return table;
}

constexpr std::size_t kExportable = 3;  ///< the first of them

std::vector<std::size_t> columns_of(const Reads& reads, std::size_t K) {
  std::vector<std::size_t> columns = reads.outputs;
  if (reads.neurons == Reads::Neurons::yes) {
    for (std::size_t i = kOutputSignals.size(); i < n_signals(K); ++i) columns.push_back(i);
  }
  return columns;
}

struct ReadAt {
  const ReadReply* reply;
  double risk;
};

class MonitorReducer {
 public:
  MonitorReducer(MonitorRows& rows, const MonitorSpec& keys, const std::string& model,
                 const std::vector<NeuronId>& neurons, std::vector<ReadReply>& replies, std::uint64_t seed)
      : rows_(rows), keys_(keys), model_(model), neurons_(neurons), replies_(replies), seed_(seed), tasks_(keys.tasks) {
    tasks_.emplace_back(kAllTasks);
  }

  void run() {
    for (const Reads& reads : all_predictors()) {
      const bool exported = reads.name == keys_.reads;
      const auto fits = fit(reads);
      if (fits.empty()) {
        log_warning(
            "{}: model '{}' has fewer than {} failed or right replies in identify, or in the half of validate that "
            "calibrates: nothing to fit, give more items",
            keys_.name, model_, kLeastOutcomes);
        return;
      }
      for (ReadReply& reply : replies_) watch(reply, fits);
      for (const MonitorFit& each : fits) add_fit(reads, each, exported);
      if (exported) add_weights_and_risks(fits);
      add_quality(reads, exported);
      add_alarms(reads);
    }
  }

 private:
  bool wanted(const ReadReply& reply, const std::string& split, const std::string& task) const {
    return reply.split == split && (task == kAllTasks || reply.task == task);
  }

  /// Half of the validate items set thresholds and do nothing else, so that test replies are exchangeable with theirs.
  bool sets_thresholds(const ReadReply& reply) const {
    return reply.split == kValidateSplit && derive_seed(seed_, reply.task + "\n" + reply.item) % 2 == 0;
  }

  MonitorSample sample(const char* split, std::size_t row) const {
    MonitorSample sample;
    for (const ReadReply& reply : replies_) {
      if (!wanted(reply, split, kAllTasks) || sets_thresholds(reply) || reply.n_rows <= row) continue;
      sample.signals.push_back(reply.signals(row));
      sample.failed.push_back(reply.outcome.failed ? 1 : 0);
    }
    return sample;
  }

  static bool enough(const MonitorSample& sample) {
    const double failed = std::accumulate(sample.failed.begin(), sample.failed.end(), 0.0);
    return failed >= kLeastOutcomes && static_cast<double>(sample.failed.size()) - failed >= kLeastOutcomes;
  }

  /// A fit for every moment that enough replies reach; later readings are judged by the last.
  std::vector<MonitorFit> fit(const Reads& reads) const {
    const auto columns = columns_of(reads, neurons_.size());
    std::vector<MonitorFit> fits;
    for (std::size_t row = 0;; ++row) {
      const MonitorSample train = sample(kTrainSplit, row), validate = sample(kValidateSplit, row);
      if (!enough(train) || !enough(validate)) return fits;
      fits.push_back(fit_monitor_probe(train, validate, columns, static_cast<std::int64_t>(row) * keys_.every));
    }
  }

  static void watch(ReadReply& reply, const std::vector<MonitorFit>& fits) {
    reply.outcome.readings.clear();
    for (std::size_t row = 0; row < reply.n_rows; ++row) {
      const auto signals = reply.signals(row);
      const MonitorProbe& probe = fits[std::min(row, fits.size() - 1)].probe;
      reply.outcome.readings.push_back({static_cast<std::int64_t>(signals[0]), probe.risk(signals)});
    }
  }

  void add_fit(const Reads& reads, const MonitorFit& fit, bool exported) {
    const auto row = static_cast<std::size_t>(fit.probe.tokens / keys_.every);
    MonitorFitRow out;
    out.experiment = keys_.name;
    out.model = model_;
    out.predictor = reads.name;
    out.tokens = fit.probe.tokens;
    out.exported = exported ? 1 : 0;
    out.every = keys_.every;
    out.n_train = static_cast<std::int64_t>(sample(kTrainSplit, row).failed.size());
    out.n_validate = static_cast<std::int64_t>(sample(kValidateSplit, row).failed.size());
    out.n_features = static_cast<std::int64_t>(columns_of(reads, neurons_.size()).size());
    out.penalty = fit.penalty;
    out.train_loss = fit.train_loss;
    out.validate_loss = fit.validate_loss;
    out.intercept = fit.probe.intercept;
    out.slope = fit.probe.slope;
    out.shift = fit.probe.shift;
    rows_.fits.push_back(std::move(out));
  }

  void add_weights_and_risks(const std::vector<MonitorFit>& fits) {
    for (const MonitorFit& fit : fits) {
      const MonitorProbe& probe = fit.probe;
      const auto add = [&](std::size_t i, std::string_view signal, std::int64_t layer, std::int64_t neuron) {
        rows_.weights.push_back({keys_.name, model_, probe.tokens, std::string(signal), layer, neuron, probe.center[i],
                                 probe.scale[i], probe.weight[i]});
      };
      std::size_t i = 0;
      for (const auto signal : kOutputSignals) add(i++, signal, -1, -1);
      for (const auto signal : kNeuronSignals) {
        for (const NeuronId& id : neurons_) add(i++, signal, to_int(id.layer), to_int(id.neuron));
      }
    }
    for (const ReadReply& reply : replies_) {
      for (const auto& reading : reply.outcome.readings) {
        rows_.risks.push_back({keys_.name, model_, reply.task, reply.item, reading.tokens, reply.split,
                               reply.outcome.failed ? 1 : 0, reading.risk});
      }
    }
  }

  void add_quality(const Reads& reads, bool exported) {
    for (const char* split : {kValidateSplit, kTestSplit}) {
      for (const auto& task : tasks_) {
        std::vector<ReadAt> last, highest;
        std::size_t longest = 0;
        for (const ReadReply& reply : replies_) {
          if (!wanted(reply, split, task)) continue;
          last.push_back({&reply, reply.outcome.readings.back().risk});
          highest.push_back({&reply, highest_risk(reply.outcome)});
          longest = std::max(longest, reply.n_rows);
        }
        for (std::size_t row = 0; row < longest; ++row) {
          std::vector<ReadAt> running;
          for (const ReadAt& each : last) {
            if (row < each.reply->n_rows) running.push_back({each.reply, each.reply->outcome.readings[row].risk});
          }
          add_quality(reads, split, task, "after", static_cast<std::int64_t>(row) * keys_.every, running, exported);
        }
        add_quality(reads, split, task, "last", 0, last, exported);
        add_quality(reads, split, task, "highest", 0, highest, exported);
      }
    }
  }

  void add_quality(const Reads& reads, const std::string& split, const std::string& task, const char* reading,
                   std::int64_t tokens, const std::vector<ReadAt>& read, bool exported) {
    if (read.empty()) return;
    std::vector<double> p, failed;
    for (const ReadAt& each : read) {
      p.push_back(each.risk);
      failed.push_back(each.reply->outcome.failed ? 1 : 0);
    }
    MonitorQualityRow row;
    row.experiment = keys_.name;
    row.model = model_;
    row.task = task;
    row.split = split;
    row.predictor = reads.name;
    row.reading = reading;
    row.tokens = tokens;
    row.n = static_cast<std::int64_t>(read.size());
    row.n_failed = static_cast<std::int64_t>(std::accumulate(failed.begin(), failed.end(), 0.0));
    if (const auto area = auroc(p, failed, kLevel)) {
      row.auroc = area->value;
      row.auroc_low = area->interval.low;
      row.auroc_high = area->interval.high;
    }
    row.brier = brier_score(p, failed);
    row.ece = calibration_error(p, failed, kBins);
    if (exported && split == kTestSplit) {
      const Interval error = calibration_error_interval(p, failed, kBins, kLevel, seed_, kErrorDraws);
      row.ece_low = error.low;
      row.ece_high = error.high;
    }
    rows_.quality.push_back(std::move(row));
  }

  void add_alarms(const Reads& reads) {
    std::vector<double> right;
    for (const ReadReply& reply : replies_) {
      if (sets_thresholds(reply) && !reply.outcome.failed) right.push_back(highest_risk(reply.outcome));
    }
    for (const double rate : keys_.false_alarms) {
      const double threshold = alarm_threshold(right, rate);
      if (threshold >= 1 && reads.name == keys_.reads) {
        log_warning(
            "{}: model '{}': {} right replies set the threshold for a rate of {}, which needs at least {}: it raises "
            "no alarm, give more items",
            keys_.name, model_, right.size(), rate, std::ceil(1 / rate) - 1);
      }
      for (const char* split : {kValidateSplit, kTestSplit}) {
        for (const auto& task : tasks_) add_alarm(reads, split, task, rate, threshold);
      }
    }
  }

  void add_alarm(const Reads& reads, const std::string& split, const std::string& task, double rate, double threshold) {
    std::vector<MonitoredReply> judged;
    for (const ReadReply& reply : replies_) {
      if (!wanted(reply, split, task) || (split == kValidateSplit && !sets_thresholds(reply))) continue;
      judged.push_back(reply.outcome);
    }
    const AlarmQuality quality = judge_alarms(judged, threshold);
    MonitorAlarmRow row;
    row.experiment = keys_.name;
    row.model = model_;
    row.task = task;
    row.split = split;
    row.predictor = reads.name;
    row.rate = rate;
    row.threshold = threshold;
    row.n_right = quality.n_right;
    row.false_alarms = quality.false_alarms;
    row.n_failed = quality.n_failed;
    row.found = quality.found;
    row.found_before = quality.found_before;
    const auto set_rate = [](std::int64_t k, std::int64_t n, auto& value, auto& low, auto& high) {
      if (n == 0) return;
      const Interval interval = clopper_pearson_interval(k, n, kLevel);
      value = static_cast<double>(k) / static_cast<double>(n);
      low = interval.low;
      high = interval.high;
    };
    set_rate(quality.false_alarms, quality.n_right, row.false_rate, row.false_low, row.false_high);
    set_rate(quality.found, quality.n_failed, row.found_rate, row.found_low, row.found_high);
    if (quality.lead_answer) {
      std::tie(row.lead_answer, row.lead_answer_low, row.lead_answer_high) =
          std::tuple(quality.lead_answer->median, quality.lead_answer->low, quality.lead_answer->high);
    }
    if (quality.lead_end) {
      std::tie(row.lead_end, row.lead_end_low, row.lead_end_high) =
          std::tuple(quality.lead_end->median, quality.lead_end->low, quality.lead_end->high);
    }
    rows_.alarms.push_back(std::move(row));
  }

  MonitorRows& rows_;
  const MonitorSpec& keys_;
  const std::string& model_;
  const std::vector<NeuronId>& neurons_;
  std::vector<ReadReply>& replies_;
  std::uint64_t seed_;
  std::vector<std::string> tasks_;  ///< with kAllTasks
};

}  // namespace

void check_predictor(const std::string& name, std::string_view where) {
  std::vector<std::string> valid;
  for (std::size_t i = 0; i < kExportable; ++i) valid.emplace_back(all_predictors()[i].name);
  if (std::ranges::find(valid, name) != valid.end()) return;
  throw input_error("{}: reads = '{}' (valid: {})", where, name, fmt::join(valid, ", "));
}

void add_monitor_rows(MonitorRows& rows, const MonitorSpec& keys, const std::string& model,
                      const std::vector<NeuronId>& neurons, std::vector<ReadReply>& replies, std::uint64_t seed) {
  MonitorReducer(rows, keys, model, neurons, replies, seed).run();
}

}  // namespace neurosweep
