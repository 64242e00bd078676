#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/intervene/kinds.hpp"
#include "framework/measure/reference_text.hpp"
#include "framework/model/decoder.hpp"

namespace neurosweep {

/// Estimated effect of intervening on every neuron alone, on one reference text. Natural log.
struct ScreenEffects {
  double reasoning_baseline = 0;  ///< sum of log p over all tokens of the completion, without an intervention
  double answer_baseline = 0;     ///< the same over the answer's tokens (and eos) only
  std::vector<float> reasoning;   ///< [L * M] estimate of intervened minus baseline, by flat_index
  std::vector<float> answer;
};

/// First-order screen: gradient of both metrics by every activation, times what the edit would change, summed over the
/// span's positions. An edit that changes nothing has effect 0 exactly. The same meaning as PromptEffects of arms.
///   values   one for all neurons, or [L * M] by flat_index; what Intervention::value means; unused (may be empty) for
///            kinds that need none
///   steps    1: gradient at the baseline; n > 1: mean gradient over n midpoints of a path towards the edit
///   throws   Error{input}: values of another size or not finite, steps < 1, a span without a fed position
ScreenEffects screen_effects(const Decoder& decoder, const ReferenceText& text, InterventionKind kind,
                             std::span<const float> values, Span span, std::int64_t steps);

}  // namespace neurosweep
