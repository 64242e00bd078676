#pragma once

#include <string>
#include <vector>

#include "experiments/experiment.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/measure/suffix_sweep.hpp"

namespace neurosweep {

/// The intervention of a planned row: an ArmRow or a SetMemberRow.
template <class Row>
SweepArm edit_of(const Row& row) {
  return {neuron_of(row), intervention_kind(row.op), static_cast<float>(row.value), span_of(row.span)};
}

/// The arms of a unit, in the plan's order.
std::vector<SweepArm> unit_arms(const Plan& plan, const WorkUnit& unit);

/// Effects of all arms of a unit on one item.
EffectBlockRow unit_effects(const WorkUnit& unit, const std::string& item, const char* metric, std::int64_t n_tokens,
                            double baseline, std::vector<float> effects);

/// An attempt at one item of a unit under an arm.
OutcomeRow unit_outcome(const WorkUnit& unit, const std::string& item, const std::string& arm, const Attempt& attempt);

/// The `number`-th attempt at one item of a unit, untouched.
TraceRow unit_trace(const WorkUnit& unit, const std::string& item, std::int64_t number, std::uint64_t seed,
                    const SamplingSpec& sampling, const Attempt& attempt);

}  // namespace neurosweep
