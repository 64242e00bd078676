#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/measure/reference_text.hpp"
#include "framework/measure/suffix_sweep.hpp"

namespace neurosweep {

/// What single-neuron interventions do to one correct reasoning and answer, teacher-forced. Natural log.
struct PromptEffects {
  double reasoning_baseline = 0;  ///< sum of log p over all tokens of the completion, without an intervention
  double answer_baseline = 0;     ///< the same over the answer's tokens (and eos) only
  std::vector<float> reasoning;   ///< by arm: intervened minus baseline
  std::vector<float> answer;
  std::int64_t n_reasoning = 0, n_answer = 0;  ///< tokens scored
};

/// Measures every arm on one reference text.
///   throws  Error{input}: an arm outside the model, or one that touched no position
PromptEffects measure_effects(SuffixSweep& sweep, const ReferenceText& text, std::span<const SweepArm> arms);

/// The same for sets of interventions, all edits of a set acting together.
///   sets    each not empty
///   returns  by set
PromptEffects measure_joint_effects(SuffixSweep& sweep, const ReferenceText& text,
                                    std::span<const std::vector<SweepArm>> sets);

}  // namespace neurosweep
