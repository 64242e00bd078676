#pragma once

#include "framework/store/sqlite.hpp"

namespace neurosweep {

/// Makes the table-valued `effects` known to a connection: one row per (item, arm), opened from effect_block's BLOBs.
///   columns  round_id, unit, model, task, item, metric, arm, layer, neuron, op, role, effect, baseline
void register_effects_table(const Connection& connection);

}  // namespace neurosweep
