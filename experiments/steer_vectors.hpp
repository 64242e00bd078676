#pragma once

#include <string>
#include <vector>

#include "experiments/experiment.hpp"
#include "experiments/steer.hpp"
#include "framework/intervene/steering.hpp"

namespace neurosweep {

/// Words in the `op` of planned members.
inline constexpr const char* kPushOp = "push";
inline constexpr const char* kPullOp = "pull";

/// A variant of a steer experiment, or one of its random controls, for a model and task.
struct PlannedVariant {
  std::string name;
  const SteerVariant* keys = nullptr;
  std::vector<SetMemberRow> members;
};

/// Name of the i-th random control of a variant.
std::string random_variant(const std::string& variant, std::size_t i);

/// The neurons of a variant and of its random controls, read from what its `from` experiment has stored.
///   returns  empty when there is no direction for the model and task
std::vector<PlannedVariant> plan_variant(const Catalog& catalog, const Database& db, const std::string& experiment,
                                         const SteerVariant& variant, const std::string& model,
                                         const std::string& task);

/// How much of its strength a gated variant spends on each item; nothing for one without a gate.
///   throws  Error{input} when an item has no prediction
std::vector<SteerGateRow> plan_gates(const Database& db, const SteerVariant& variant, const std::string& name,
                                     const std::string& model, const std::string& task,
                                     const std::vector<TaskItem>& items);

/// The steering vector of planned members.
SteeringVector steering_vector(const std::vector<SetMemberRow>& members);

}  // namespace neurosweep
