#include "experiments/steer_vectors.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/matched_sets.hpp"

namespace neurosweep {

namespace {

/// A neuron with its push or target.
struct Member {
  NeuronId id;
  double value = 0;
};

template <class Row, class Value>
std::vector<Member> read_members(const Database& db, const SteerVariant& variant, const std::string& model,
                                 const std::string& task, Value&& value) {
  std::vector<Member> members;
  const auto set = variant.pooled ? std::string(kAllTasks) : task;
  for (const Row& row : db.select<Row>("WHERE experiment = ? AND model = ? AND task = ? ORDER BY layer, neuron",
                                       {variant.from, model, set})) {
    members.push_back({{LayerIndex(row.layer), NeuronIndex(row.neuron)}, value(row)});
  }
  return members;
}

/// The `top` neurons that are pushed furthest.
void keep_top(std::vector<Member>& members, std::int64_t top) {
  if (top == 0 || static_cast<std::int64_t>(members.size()) <= top) return;
  std::stable_sort(members.begin(), members.end(),
                   [](const Member& a, const Member& b) { return std::abs(a.value) > std::abs(b.value); });
  members.resize(static_cast<std::size_t>(top));
}

/// Gives every push the same size, keeping signs and the norm.
void make_equal(std::vector<Member>& members) {
  double squares = 0;
  for (const Member& member : members) squares += member.value * member.value;
  const double size = std::sqrt(squares / static_cast<double>(members.size()));
  for (Member& member : members) member.value = std::copysign(size, member.value);
}

std::vector<SetMemberRow> rows_of(const std::vector<Member>& members, const std::string& name, const char* op,
                                  const SteerVariant& variant, const std::string& model, const std::string& task) {
  std::vector<SetMemberRow> rows;
  for (const auto& [id, value] : members) {
    rows.push_back({0, name, model, task, to_int(id.layer), to_int(id.neuron), op, value, variant.scope});
  }
  return rows;
}

/// The same pushes on random neurons: each layer's pushes go to as many random neurons of that layer.
std::vector<Member> on_neurons(std::vector<Member> members, std::vector<NeuronId> neurons) {
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  std::sort(neurons.begin(), neurons.end());
  ensure(members.size() == neurons.size(), "a matched set has the size of its model");
  for (std::size_t i = 0; i < members.size(); ++i) members[i].id = neurons[i];
  return members;
}

}  // namespace

std::string random_variant(const std::string& variant, std::size_t i) {
  return fmt::format("{} random {:02}", variant, i);
}

std::vector<PlannedVariant> plan_variant(const Catalog& catalog, const Database& db, const std::string& experiment,
                                         const SteerVariant& variant, const std::string& model,
                                         const std::string& task) {
  auto members = read_members<DirectionRow>(db, variant, model, task, [](const auto& row) { return row.value; });
  const char* op = kPushOp;
  if (members.empty()) {
    members = read_members<SuccessTemplateRow>(db, variant, model, task, [](const auto& row) { return row.mean; });
    op = kPullOp;
  }
  if (members.empty()) return {};
  keep_top(members, variant.top);
  if (variant.values == "equal") make_equal(members);
  std::vector<PlannedVariant> variants = {
      {variant.name, &variant, rows_of(members, variant.name, op, variant, model, task)}};
  if (variant.random_draws == 0) return variants;
  std::vector<NeuronId> neurons;
  for (const Member& member : members) neurons.push_back(member.id);
  const auto seed =
      content_seed(catalog.study(), fmt::format("{}|{}|{}|{}|random", experiment, variant.name, model, task));
  const auto sets =
      make_matched_sets(neurons, catalog.model(model).arch.M, variant.random_draws, static_cast<std::uint64_t>(seed));
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const std::string name = random_variant(variant.name, i);
    variants.push_back({name, &variant, rows_of(on_neurons(members, sets[i]), name, op, variant, model, task)});
  }
  return variants;
}

std::vector<SteerGateRow> plan_gates(const Database& db, const SteerVariant& variant, const std::string& name,
                                     const std::string& model, const std::string& task,
                                     const std::vector<TaskItem>& items) {
  if (variant.gate.empty()) return {};
  std::map<std::string, double> p_fail;
  for (const auto& row : db.select<FailurePredictionRow>("WHERE experiment = ? AND model = ? AND task = ?",
                                                         {variant.gate, model, task})) {
    p_fail.emplace(row.item, row.p_fail);
  }
  std::vector<SteerGateRow> gates;
  for (const TaskItem& item : items) {
    const auto found = p_fail.find(item.id);
    if (found == p_fail.end()) {
      throw input_error(
          "variant '{}': '{}' predicted nothing for item '{}' of task '{}': let it cover the validate and test items",
          variant.name, variant.gate, item.id, task);
    }
    const bool open = found->second >= variant.gate_at;
    gates.push_back({0, model, task, name, item.id, found->second,
                     !open                ? 0.0
                     : variant.difficulty ? found->second
                                          : 1.0});
  }
  return gates;
}

SteeringVector steering_vector(const std::vector<SetMemberRow>& members) {
  SteeringVector vector;
  for (const SetMemberRow& row : members) {
    const NeuronId id{LayerIndex(row.layer), NeuronIndex(row.neuron)};
    const auto value = static_cast<float>(row.value);
    vector.push_back(row.op == kPullOp ? SteeredNeuron{id, 0, 1, value} : SteeredNeuron{id, value, 0, 0});
  }
  return vector;
}

}  // namespace neurosweep
