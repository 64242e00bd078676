#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "cluster/unit_queue.hpp"
#include "experiments/experiment.hpp"

namespace neurosweep {

/// Units of a plan as the dispatcher is to know them: grouped by model, alike within a task and a layer, and as heavy
/// as the text that they work on times their arms. Units that failed before or are suspect come last, when the others
/// are safe.
///   todo      numbers of units in the plan
///   setbacks  failed attempts and suspicions, by unit
std::vector<QueuedUnit> queue_units(const Catalog& catalog, const Plan& plan, const std::vector<std::int64_t>& todo,
                                    const std::map<std::int64_t, std::int64_t>& setbacks);

}  // namespace neurosweep
