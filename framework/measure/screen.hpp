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

/// Estimates what PromptEffects would say of an arm on every neuron of the model: the gradient of both metrics by each
/// activation, times what the edit changes there, summed over the span's fed positions. An edit that changes nothing
/// has effect 0 exactly.
///
/// A gradient at the baseline (steps = 1) says little of edits that are far from small: a token that is certain has no
/// slope left to lose. So steps = n > 1 deals the neurons into n random sets (seeded by the tokens) and takes each
/// neuron's gradient where its whole set has gone (1 - 1 / sqrt(n)) / 2 of its way to the edit: the midpoint, the more
/// nearly the smaller the sets. The other members of the set add noise, which averages out over texts: rank by the mean
/// over several.
///
/// Cost: n forwards and 2 n backwards. Memory: the graph of max(T, 512) tokens, about L * (5 M + 16 D) elements a
/// token, and [L, T, M] f32 for n > 1.
///   values   one for all neurons, or [L * M] by flat_index, as Intervention::value; kinds without one ignore it
///   throws   Error{input}: values of another size or not finite, steps < 1, a span without a fed position
ScreenEffects screen_effects(const Decoder& decoder, const ReferenceText& text, InterventionKind kind,
                             std::span<const float> values, Span span, std::int64_t steps);

}  // namespace neurosweep
