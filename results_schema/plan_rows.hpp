#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "results_schema/steer_rows.hpp"

namespace neurosweep {

/// A round: dense units planned by a pure function of the study and of the rounds before it.
struct RoundRow {
  static constexpr std::string_view kTable = "round";
  static constexpr std::string_view kKey = "round_id";

  std::int64_t round_id = 0;  ///< in plan order: 100000 for each experiment before it, then dense
  std::string experiment;
  std::string kind;           ///< kind of the experiment: a name of the registry
  std::int64_t round_no = 0;  ///< within the experiment
  std::string plan_hash;
  std::int64_t n_units = 0;
  std::string params;  ///< JSON object

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("experiment", row.experiment);
    visit("kind", row.kind);
    visit("round_no", row.round_no);
    visit("plan_hash", row.plan_hash);
    visit("n_units", row.n_units);
    visit("params", row.params);
  }
};

/// One single-neuron intervention that a round tries on every item.
struct ArmRow {
  static constexpr std::string_view kTable = "arm";
  static constexpr std::string_view kKey = "round_id, arm";

  std::int64_t round_id = 0;
  std::int64_t arm = 0;  ///< dense within the round
  std::string model;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::string op;
  double value = 0.0;
  std::string span;  ///< tokens it acts on
  std::string role;  ///< 'candidate' or 'control'

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("arm", row.arm);
    visit("model", row.model);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("op", row.op);
    visit("value", row.value);
    visit("span", row.span);
    visit("role", row.role);
  }
};

/// One neuron of a set that is suppressed jointly.
struct SetMemberRow {
  static constexpr std::string_view kTable = "set_member";
  static constexpr std::string_view kKey = "round_id, set_name, model, task, layer, neuron";

  std::int64_t round_id = 0;
  std::string set_name;  ///< 'critical', 'random-00', ...
  std::string model;
  std::string task;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::string op;
  double value = 0.0;
  std::string span;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("set_name", row.set_name);
    visit("model", row.model);
    visit("task", row.task);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("op", row.op);
    visit("value", row.value);
    visit("span", row.span);
  }
};

/// The tables that rank 0 writes when it plans a round.
using PlanTables = std::tuple<RoundRow, ArmRow, SetMemberRow, SteerArmRow, SteerGateRow>;

}  // namespace neurosweep
