#include "experiments/experiment.hpp"

namespace neurosweep {

namespace {

constexpr const char* kOrigin = "broadcast plan";

template <class Row>
Json rows_to_json(const std::vector<Row>& rows) {
  Json array = Json::array();
  for (const Row& row : rows) {
    Json values = Json::array();
    Row::fields(row, [&](std::string_view, const auto& value) { values.push_back(value); });
    array.push_back(std::move(values));
  }
  return array;
}

template <class Row>
std::vector<Row> rows_from_json(const Json& array) {
  std::vector<Row> rows;
  for (const Json& values : array) {
    Row row;
    std::size_t index = 0;
    Row::fields(row, [&](std::string_view, auto& value) { values.at(index++).get_to(value); });
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::string plan_to_text(const Plan& plan) {
  Json units = Json::array();
  for (const WorkUnit& unit : plan.units) {
    units.push_back({{"model", unit.model},
                     {"task", unit.task},
                     {"items", unit.items},
                     {"first_arm", unit.first_arm},
                     {"n_arms", unit.n_arms},
                     {"texts", unit.texts}});
  }
  return json_text({{"experiment", plan.experiment},
                    {"kind", plan.kind},
                    {"round_no", plan.round_no},
                    {"arms", rows_to_json(plan.arms)},
                    {"members", rows_to_json(plan.members)},
                    {"steer_arms", rows_to_json(plan.steer_arms)},
                    {"gates", rows_to_json(plan.gates)},
                    {"units", std::move(units)}});
}

Plan plan_from_text(const std::string& text) {
  const Json json = parse_json(text, kOrigin);
  Plan plan;
  plan.experiment = require<std::string>(json, "experiment", kOrigin);
  plan.kind = require<std::string>(json, "kind", kOrigin);
  plan.round_no = require<std::int64_t>(json, "round_no", kOrigin);
  plan.arms = rows_from_json<ArmRow>(json.at("arms"));
  plan.members = rows_from_json<SetMemberRow>(json.at("members"));
  plan.steer_arms = rows_from_json<SteerArmRow>(json.at("steer_arms"));
  plan.gates = rows_from_json<SteerGateRow>(json.at("gates"));
  for (const Json& unit : json.at("units")) {
    plan.units.push_back(
        {require<std::string>(unit, "model", kOrigin), require<std::string>(unit, "task", kOrigin),
         require<std::vector<std::string>>(unit, "items", kOrigin), require<std::int64_t>(unit, "first_arm", kOrigin),
         require<std::int64_t>(unit, "n_arms", kOrigin), require<std::vector<std::string>>(unit, "texts", kOrigin)});
  }
  return plan;
}

}  // namespace neurosweep
