#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace neurosweep {

/// What a monitor read while the trace with the same key was decoded.
struct MonitorReadingRow {
  static constexpr std::string_view kTable = "monitor_reading";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::int64_t n_rows = 0;
  std::int64_t n = 0;                        ///< values: n_rows times the signals
  std::int64_t n_nonfinite = 0;              ///< counted by UnitRows
  std::optional<std::int64_t> answer_token;  ///< generated before the first token of the final answer
  std::vector<float> readings;               ///< see framework/intervene/monitor_signals.hpp

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("n_rows", row.n_rows);
    visit("n", row.n);
    visit("n_nonfinite", row.n_nonfinite);
    visit("answer_token", row.answer_token);
    visit("readings", row.readings);
  }
};

/// How well failure is foretold at each moment of a reply, by the monitor and by simpler signals.
struct MonitorQualityRow {
  static constexpr std::string_view kTable = "monitor_quality";
  static constexpr std::string_view kKey = "experiment, model, task, split, predictor, reading, tokens";

  std::string experiment;
  std::string model;
  std::string task;
  std::string split;
  std::string predictor;
  std::string reading;  ///< 'after' so many tokens, the 'last' one, or the 'highest' risk
  std::int64_t tokens = 0;
  std::int64_t n = 0;
  std::int64_t n_failed = 0;
  std::optional<double> auroc;
  std::optional<double> auroc_low;
  std::optional<double> auroc_high;
  double brier = 0.0;
  double ece = 0.0;
  std::optional<double> ece_low;
  std::optional<double> ece_high;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("split", row.split);
    visit("predictor", row.predictor);
    visit("reading", row.reading);
    visit("tokens", row.tokens);
    visit("n", row.n);
    visit("n_failed", row.n_failed);
    visit("auroc", row.auroc);
    visit("auroc_low", row.auroc_low);
    visit("auroc_high", row.auroc_high);
    visit("brier", row.brier);
    visit("ece", row.ece);
    visit("ece_low", row.ece_low);
    visit("ece_high", row.ece_high);
  }
};

/// What an alarm at a stated rate of false alarms is worth: raised at the first reading whose risk is above the
/// threshold.
struct MonitorAlarmRow {
  static constexpr std::string_view kTable = "monitor_alarm";
  static constexpr std::string_view kKey = "experiment, model, task, split, predictor, rate";

  std::string experiment;
  std::string model;
  std::string task;
  std::string split;
  std::string predictor;
  double rate = 0.0;
  double threshold = 0.0;
  std::int64_t n_right = 0;
  std::int64_t false_alarms = 0;
  std::optional<double> false_rate;
  std::optional<double> false_low;
  std::optional<double> false_high;
  std::int64_t n_failed = 0;
  std::int64_t found = 0;
  std::optional<double> found_rate;
  std::optional<double> found_low;
  std::optional<double> found_high;
  std::int64_t found_before = 0;
  std::optional<double> lead_answer;
  std::optional<double> lead_answer_low;
  std::optional<double> lead_answer_high;
  std::optional<double> lead_end;
  std::optional<double> lead_end_low;
  std::optional<double> lead_end_high;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("split", row.split);
    visit("predictor", row.predictor);
    visit("rate", row.rate);
    visit("threshold", row.threshold);
    visit("n_right", row.n_right);
    visit("false_alarms", row.false_alarms);
    visit("false_rate", row.false_rate);
    visit("false_low", row.false_low);
    visit("false_high", row.false_high);
    visit("n_failed", row.n_failed);
    visit("found", row.found);
    visit("found_rate", row.found_rate);
    visit("found_low", row.found_low);
    visit("found_high", row.found_high);
    visit("found_before", row.found_before);
    visit("lead_answer", row.lead_answer);
    visit("lead_answer_low", row.lead_answer_low);
    visit("lead_answer_high", row.lead_answer_high);
    visit("lead_end", row.lead_end);
    visit("lead_end_low", row.lead_end_low);
    visit("lead_end_high", row.lead_end_high);
  }
};

/// The risk of failure along each reply, as the exported monitor gives it.
struct MonitorRiskRow {
  static constexpr std::string_view kTable = "monitor_risk";
  static constexpr std::string_view kKey = "experiment, model, task, item, tokens";

  std::string experiment;
  std::string model;
  std::string task;
  std::string item;
  std::int64_t tokens = 0;
  std::string split;
  std::int64_t failed = 0;
  double risk = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("item", row.item);
    visit("tokens", row.tokens);
    visit("split", row.split);
    visit("failed", row.failed);
    visit("risk", row.risk);
  }
};

/// How each predictor was fitted for each moment: a logistic regression on standardised signals.
struct MonitorFitRow {
  static constexpr std::string_view kTable = "monitor_fit";
  static constexpr std::string_view kKey = "experiment, model, predictor, tokens";

  std::string experiment;
  std::string model;
  std::string predictor;
  std::int64_t tokens = 0;
  std::int64_t exported = 0;  ///< 0 or 1: the monitor of the experiment
  std::int64_t every = 0;
  std::int64_t n_train = 0;
  std::int64_t n_validate = 0;
  std::int64_t n_features = 0;
  double penalty = 0.0;
  double train_loss = 0.0;
  double validate_loss = 0.0;
  double intercept = 0.0;
  double slope = 0.0;
  double shift = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("predictor", row.predictor);
    visit("tokens", row.tokens);
    visit("exported", row.exported);
    visit("every", row.every);
    visit("n_train", row.n_train);
    visit("n_validate", row.n_validate);
    visit("n_features", row.n_features);
    visit("penalty", row.penalty);
    visit("train_loss", row.train_loss);
    visit("validate_loss", row.validate_loss);
    visit("intercept", row.intercept);
    visit("slope", row.slope);
    visit("shift", row.shift);
  }
};

/// The weights of the exported monitor.
struct MonitorWeightRow {
  static constexpr std::string_view kTable = "monitor_weight";
  static constexpr std::string_view kKey = "experiment, model, tokens, signal, layer, neuron";

  std::string experiment;
  std::string model;
  std::int64_t tokens = 0;
  std::string signal;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  double center = 0.0;
  double scale = 0.0;
  double weight = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("tokens", row.tokens);
    visit("signal", row.signal);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("center", row.center);
    visit("scale", row.scale);
    visit("weight", row.weight);
  }
};

/// The tables that the reducer of monitors rebuilds.
using MonitorTables = std::tuple<MonitorQualityRow, MonitorAlarmRow, MonitorRiskRow, MonitorFitRow, MonitorWeightRow>;

}  // namespace neurosweep
