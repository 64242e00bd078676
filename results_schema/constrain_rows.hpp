#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace neurosweep {

/// Least and largest activation of chosen neurons at the tokens that the reply with the same key was decided from: the
/// last of the prompt and the generated ones that were fed back.
struct ActivationRangeRow {
  static constexpr std::string_view kTable = "activation_range";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::int64_t n = 0;
  std::int64_t n_tokens = 0;
  std::int64_t n_nonfinite = 0;  ///< counted by UnitRows
  std::vector<float> ranges;     ///< the least of every neuron, then the largest

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("n", row.n);
    visit("n_tokens", row.n_tokens);
    visit("n_nonfinite", row.n_nonfinite);
    visit("ranges", row.ranges);
  }
};

/// One neuron (or layer) of one reply that a policy kept within its limits; or those of a layer that have no row.
struct EnforcementRow {
  static constexpr std::string_view kTable = "enforcement";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string model;
  std::string task;
  std::string item;
  std::string arm;
  std::string rule;  ///< 'floor', 'ceiling' or 'cap'
  std::int64_t layer = 0;
  std::int64_t neuron = 0;  ///< -1: the layer for 'cap', else its neurons without a row of their own
  std::int64_t times = 0;
  std::int64_t first_position = 0;
  double largest = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("model", row.model);
    visit("task", row.task);
    visit("item", row.item);
    visit("arm", row.arm);
    visit("rule", row.rule);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("times", row.times);
    visit("first_position", row.first_position);
    visit("largest", row.largest);
  }
};

/// The range of a neuron in successful replies.
struct ActivationEnvelopeRow {
  static constexpr std::string_view kTable = "activation_envelope";
  static constexpr std::string_view kKey = "experiment, model, task, layer, neuron";

  std::string experiment;
  std::string model;
  std::string task;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::int64_t n = 0;
  double lowest = 0.0;
  double highest = 0.0;
  double low = 0.0;
  double high = 0.0;
  double outside = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("n", row.n);
    visit("lowest", row.lowest);
    visit("highest", row.highest);
    visit("low", row.low);
    visit("high", row.high);
    visit("outside", row.outside);
  }
};

/// What a policy (and steering within it) does to the answers of a task, paired by item.
struct ConstraintEffectRow {
  static constexpr std::string_view kTable = "constraint_effect";
  static constexpr std::string_view kKey = "experiment, model, task, arm, against";

  std::string experiment;
  std::string model;
  std::string task;
  std::string arm;
  std::string against;
  std::int64_t guarded = 0;
  std::int64_t n = 0;
  std::int64_t n_enforced = 0;
  std::int64_t enforced = 0;
  double baseline_accuracy = 0.0;
  double accuracy = 0.0;
  double accuracy_low = 0.0;
  double accuracy_high = 0.0;
  std::int64_t fixed = 0;
  std::int64_t broken = 0;
  double change = 0.0;
  double change_low = 0.0;
  double change_high = 0.0;
  double mcnemar_p = 0.0;
  double holm_p = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("arm", row.arm);
    visit("against", row.against);
    visit("guarded", row.guarded);
    visit("n", row.n);
    visit("n_enforced", row.n_enforced);
    visit("enforced", row.enforced);
    visit("baseline_accuracy", row.baseline_accuracy);
    visit("accuracy", row.accuracy);
    visit("accuracy_low", row.accuracy_low);
    visit("accuracy_high", row.accuracy_high);
    visit("fixed", row.fixed);
    visit("broken", row.broken);
    visit("change", row.change);
    visit("change_low", row.change_low);
    visit("change_high", row.change_high);
    visit("mcnemar_p", row.mcnemar_p);
    visit("holm_p", row.holm_p);
  }
};

/// The tables that the reducers of envelopes and constraints rebuild.
using ConstraintTables = std::tuple<ActivationEnvelopeRow, ConstraintEffectRow>;

}  // namespace neurosweep
