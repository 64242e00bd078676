#pragma once

#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

// Arms of a constrain experiment besides the baseline.
inline constexpr const char* kConstrainedArm = "constrained";
inline constexpr const char* kSteeredArm = "steered";
inline constexpr const char* kSteeredConstrainedArm = "steered, constrained";

/// Writes constraint_effect of an experiment from its outcome and enforcement rows, for each model and task and for the
/// pool of the tasks: the constrained arms against those without the policy, and steering against none. Replaces what
/// it had.
///   guarded  tasks that the policy is meant for
void reduce_constraints(Database& db, const std::string& experiment, const std::vector<std::string>& guarded);

}  // namespace neurosweep
