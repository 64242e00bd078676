#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace neurosweep {

/// A way to steer that a round tries on the items of a task.
struct SteerArmRow {
  static constexpr std::string_view kTable = "steer_arm";
  static constexpr std::string_view kKey = "round_id, model, task, arm";

  std::int64_t round_id = 0;
  std::string model;
  std::string task;
  std::string arm;        ///< variant@strength: the arm of the outcomes
  std::string variant;    ///< what is tried: the declared one, its direction of some task, or one of its controls
  double strength = 0.0;  ///< alpha
  std::int64_t n_neurons = 0;
  std::string declared;        ///< the variant of the study that it comes from
  std::string direction_task;  ///< whose direction it is; '*' over all tasks; '' from a file

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("model", row.model);
    visit("task", row.task);
    visit("arm", row.arm);
    visit("variant", row.variant);
    visit("strength", row.strength);
    visit("n_neurons", row.n_neurons);
    visit("declared", row.declared);
    visit("direction_task", row.direction_task);
  }
};

/// How much of its strength a gated way to steer spends on an item.
struct SteerGateRow {
  static constexpr std::string_view kTable = "steer_gate";
  static constexpr std::string_view kKey = "round_id, model, task, variant, item";

  std::int64_t round_id = 0;
  std::string model;
  std::string task;
  std::string variant;
  std::string item;
  double p_fail = 0.0;  ///< predicted chance that the model fails untouched
  double share = 0.0;   ///< of the strength; 0: the item is left alone

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("model", row.model);
    visit("task", row.task);
    visit("variant", row.variant);
    visit("item", row.item);
    visit("p_fail", row.p_fail);
    visit("share", row.share);
  }
};

/// What a neuron does in successful attempts: its mean activation over each, over attempts.
struct SuccessTemplateRow {
  static constexpr std::string_view kTable = "success_template";
  static constexpr std::string_view kKey = "experiment, model, task, layer, neuron";

  std::string experiment;
  std::string model;
  std::string task;  ///< or '*' over all tasks
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::int64_t n = 0;  ///< attempts
  double mean = 0.0;   ///< of the activation, over attempts
  double sd = 0.0;     ///< between attempts

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("n", row.n);
    visit("mean", row.mean);
    visit("sd", row.sd);
  }
};

/// What steering did to the answers of a task, paired by item with no steering.
struct SteerEffectRow {
  static constexpr std::string_view kTable = "steer_effect";
  static constexpr std::string_view kKey = "experiment, model, task, stage, variant, strength";

  std::string experiment;
  std::string model;
  std::string task;   ///< or '*' over all tasks
  std::string stage;  ///< 'validate': strengths compared; 'test': the chosen one
  std::string variant;
  double strength = 0.0;
  std::int64_t n = 0;          ///< items
  std::int64_t n_steered = 0;  ///< items that the gate let through
  double baseline_accuracy = 0.0;
  double accuracy = 0.0;
  double accuracy_low = 0.0;  ///< 95 % Wilson
  double accuracy_high = 0.0;
  std::int64_t fixed = 0;   ///< wrong before, right with steering
  std::int64_t broken = 0;  ///< right before, wrong with steering
  double change = 0.0;
  double change_low = 0.0;  ///< 95 % bootstrap over items
  double change_high = 0.0;
  double mcnemar_p = 0.0;        ///< exact, two-sided
  std::optional<double> holm_p;  ///< over the model's variants and tasks at the test stage
  std::optional<std::int64_t>
      items_needed;  ///< for a change of this size and kind to be found at 5 % with power 80 %; none without a change
  std::string declared;        ///< see SteerArmRow
  std::string direction_task;  ///< of the pool: '' where every task had its own

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("stage", row.stage);
    visit("variant", row.variant);
    visit("strength", row.strength);
    visit("n", row.n);
    visit("n_steered", row.n_steered);
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
    visit("items_needed", row.items_needed);
    visit("declared", row.declared);
    visit("direction_task", row.direction_task);
  }
};

/// The tables that reducers of steering rebuild.
using SteerTables = std::tuple<SuccessTemplateRow, SteerEffectRow>;

}  // namespace neurosweep
