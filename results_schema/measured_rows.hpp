#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "results_schema/constrain_rows.hpp"
#include "results_schema/identify_rows.hpp"
#include "results_schema/monitor_rows.hpp"
#include "results_schema/predict_rows.hpp"
#include "results_schema/transfer_rows.hpp"

namespace neurosweep {

/// One generated answer of a model to a task item, with its chain of thought.
struct TraceRow {
  static constexpr std::string_view kTable = "trace";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string model;
  std::string task;
  std::string item;
  std::int64_t attempt = 0;
  std::int64_t seed = 0;
  double temperature = 0.0;
  double top_p = 0.0;
  std::int64_t n_prompt_tokens = 0;
  std::int64_t n_tokens = 0;  ///< generated tokens
  std::string finish;         ///< 'eos', 'length' or 'context'
  std::string completion;
  std::optional<std::string> answer;  ///< what the grader extracted
  std::int64_t correct = 0;           ///< 0 or 1
  double logprob = 0.0;               ///< sum over the generated tokens, natural log

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("model", row.model);
    visit("task", row.task);
    visit("item", row.item);
    visit("attempt", row.attempt);
    visit("seed", row.seed);
    visit("temperature", row.temperature);
    visit("top_p", row.top_p);
    visit("n_prompt_tokens", row.n_prompt_tokens);
    visit("n_tokens", row.n_tokens);
    visit("finish", row.finish);
    visit("completion", row.completion);
    visit("answer", row.answer);
    visit("correct", row.correct);
    visit("logprob", row.logprob);
  }
};

/// Mean activation of every neuron over the generated tokens of the trace with the same key.
struct ActivationMeanRow {
  static constexpr std::string_view kTable = "activation_mean";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::int64_t n = 0;              ///< values: layers times neurons per layer
  std::int64_t n_tokens = 0;       ///< tokens averaged over, at least 1
  std::int64_t n_nonfinite = 0;    ///< NaN or infinite values; counted by UnitRows
  std::vector<float> mean_values;  ///< index layer * M + neuron

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("n", row.n);
    visit("n_tokens", row.n_tokens);
    visit("n_nonfinite", row.n_nonfinite);
    visit("mean_values", row.mean_values);
  }
};

/// Effects of consecutive arms of a round on one task item: intervened minus baseline.
struct EffectBlockRow {
  static constexpr std::string_view kTable = "effect_block";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string model;
  std::string task;
  std::string item;
  std::string metric;            ///< 'reasoning_logprob', 'answer_logprob', 'accuracy'
  std::int64_t first_arm = 0;    ///< effects[k] belongs to arm first_arm + k
  std::int64_t n = 0;            ///< arms in this block
  std::int64_t n_tokens = 0;     ///< scored tokens
  std::int64_t n_nonfinite = 0;  ///< NaN or infinite values; counted by UnitRows
  double baseline = 0.0;         ///< the metric without an intervention
  std::vector<float> effects;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("model", row.model);
    visit("task", row.task);
    visit("item", row.item);
    visit("metric", row.metric);
    visit("first_arm", row.first_arm);
    visit("n", row.n);
    visit("n_tokens", row.n_tokens);
    visit("n_nonfinite", row.n_nonfinite);
    visit("baseline", row.baseline);
    visit("effects", row.effects);
  }
};

/// One answered item with a whole set of neurons suppressed, or none.
struct OutcomeRow {
  static constexpr std::string_view kTable = "outcome";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string model;
  std::string task;
  std::string item;
  std::string arm;           ///< 'baseline', 'critical', 'random-00', ...
  std::int64_t correct = 0;  ///< 0 or 1
  std::int64_t n_tokens = 0;
  std::optional<std::string> answer;
  std::string completion;
  std::optional<double> logprob;  ///< of the reference completion, teacher-forced under the arm

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("model", row.model);
    visit("task", row.task);
    visit("item", row.item);
    visit("arm", row.arm);
    visit("correct", row.correct);
    visit("n_tokens", row.n_tokens);
    visit("answer", row.answer);
    visit("completion", row.completion);
    visit("logprob", row.logprob);
  }
};

/// What suppressing each neuron of a model may do to one task item: an estimate from gradients, no measurement.
struct ScreenBlockRow {
  static constexpr std::string_view kTable = "screen_block";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string model;
  std::string task;
  std::string item;
  std::string metric;            ///< 'reasoning_logprob', 'margin_push', 'displacement'
  std::int64_t steps = 1;        ///< points of the path that the gradient was integrated over
  std::int64_t n = 0;            ///< layers * neurons per layer
  std::int64_t n_tokens = 0;     ///< scored tokens
  std::int64_t n_nonfinite = 0;  ///< NaN or infinite values; counted by UnitRows
  double baseline = 0.0;         ///< the metric without an intervention
  std::vector<float> effects;    ///< index layer * neurons per layer + neuron

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("model", row.model);
    visit("task", row.task);
    visit("item", row.item);
    visit("metric", row.metric);
    visit("steps", row.steps);
    visit("n", row.n);
    visit("n_tokens", row.n_tokens);
    visit("n_nonfinite", row.n_nonfinite);
    visit("baseline", row.baseline);
    visit("effects", row.effects);
  }
};

/// The done mark of a unit, written in the transaction of its rows.
struct UnitRow {
  static constexpr std::string_view kTable = "unit";
  static constexpr std::string_view kKey = "round_id, unit";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::string content_hash;  ///< hash of the unit's definition
  std::int64_t launch = 0;
  std::int64_t rank = 0;
  double seconds = 0.0;
  std::string finished_utc;
  std::int64_t crc32c = 0;  ///< over all measured rows of the unit, see framework/store/unit_rows.hpp

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("content_hash", row.content_hash);
    visit("launch", row.launch);
    visit("rank", row.rank);
    visit("seconds", row.seconds);
    visit("finished_utc", row.finished_utc);
    visit("crc32c", row.crc32c);
  }
};

/// One failed attempt at a unit.
struct UnitFailureRow {
  static constexpr std::string_view kTable = "unit_failure";
  static constexpr std::string_view kKey = "round_id, unit, launch, rank, attempt";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t launch = 0;
  std::int64_t rank = 0;
  std::int64_t attempt = 0;
  std::string kind;  ///< kind of the Error
  std::string message;
  std::string at_utc;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("launch", row.launch);
    visit("rank", row.rank);
    visit("attempt", row.attempt);
    visit("kind", row.kind);
    visit("message", row.message);
    visit("at_utc", row.at_utc);
  }
};

/// A unit that was at work when all ranks of a launch vanished at once.
struct UnitSuspicionRow {
  static constexpr std::string_view kTable = "unit_suspicion";
  static constexpr std::string_view kKey = "round_id, unit, launch";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t launch = 0;
  std::int64_t rank = 0;
  std::string at_utc;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("launch", row.launch);
    visit("rank", row.rank);
    visit("at_utc", row.at_utc);
  }
};

/// The tables that ranks measure, in the order of checksums and hashes. A new measured table is one entry here.
using MeasuredTables = std::tuple<TraceRow, ActivationMeanRow, EffectBlockRow, OutcomeRow, ScreenBlockRow,
                                  PromptActivationRow, ActivationLastRow, TraceGeometryRow, TransferBlockRow,
                                  MonitorReadingRow, ActivationRangeRow, EnforcementRow>;

}  // namespace neurosweep
