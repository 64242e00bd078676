#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/experiment.hpp"
#include "experiments/steer.hpp"

namespace neurosweep {

/// Fails when a variant's gate predicts nothing for something that the variant steers.
///   keys    of the steer experiment, its models and tasks resolved
///   throws  Error{input}: a model, a task or items of a split are left out by the predict experiment
void check_gate(const Catalog& catalog, const SteerKeys& keys, const SteerVariant& variant);

/// How much of its strength a gated variant spends on each item; no rows for one without a gate.
///   returns  none when an item has no prediction, as units of the predict experiment failed
std::optional<std::vector<SteerGateRow>> plan_gates(const Database& db, const SteerVariant& variant,
                                                    const std::string& model, const std::string& task,
                                                    const std::vector<TaskItem>& items);

}  // namespace neurosweep
