#pragma once

#include <string>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Arm of a task's critical set, or of one of its matched random sets, in outcomes and set members of a validation.
std::string validation_arm(const std::string& set_task);
std::string validation_arm(const std::string& set_task, std::int64_t random_set);

/// Error rate of a family of tests: all sets and tasks of a model.
inline constexpr double kValidationAlpha = 0.05;

/// Writes validation_effect and validation_class of an experiment from its outcomes; replaces what it had.
/// A set hurts a task when its items are answered worse than under its random sets (SetContrast::p, after Holm's
/// correction over all sets and tasks of the model). It is general when it hurts every task, specific when it hurts its
/// own only, partial when it hurts some, else none.
void reduce_validation(Database& db, const std::string& experiment);

}  // namespace neurosweep
