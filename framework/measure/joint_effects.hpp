#pragma once

#include <span>
#include <vector>

#include "framework/measure/effects.hpp"

namespace neurosweep {

/// What sets of interventions do to one correct reasoning and answer when all edits of a set act together.
///   sets    each not empty
///   returns as measure_effects(), by set
///   throws  Error{input}: a neuron outside the model, or an edit that touched no position
PromptEffects measure_joint_effects(SuffixSweep& sweep, const ReferenceText& text,
                                    std::span<const std::vector<SweepArm>> sets);

}  // namespace neurosweep
