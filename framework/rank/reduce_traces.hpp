#pragma once

#include <cstdint>
#include <string>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Writes trace_agreement (how many items have attempts with both outcomes) and geometry_contrast (length and, where
/// measured, geometry of correct against incorrect attempts, paired by item) of a trace experiment, by model and task
/// and over all tasks; replaces what it had. Logs the agreement, a line for each model and task.
///   stop_after  attempts of each outcome after which an item was left; 0: never
void reduce_traces(Database& db, const std::string& experiment, std::int64_t stop_after);

}  // namespace neurosweep
