#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/intervene/kinds.hpp"
#include "framework/measure/reference_text.hpp"
#include "framework/model/decoder.hpp"

namespace neurosweep {

/// First-order effect of intervening on every neuron alone, and two sizes that stay large where first order fails:
/// where effects of positions cancel, where the answer is so sure that its gradient has vanished, and where a neuron
/// writes most of the residual. All [L * M] by flat_index.
struct ReachEffects {
  double baseline = 0;              ///< log p of the completion, summed over its tokens, natural log
  std::int64_t n_scored = 0;        ///< those tokens
  std::vector<float> effect;        ///< as ScreenEffects::reasoning with one step
  std::vector<float> push;          ///< sum over positions of the squared first-order change of the summed logit margin
                                    ///< between each right token and all others
  std::vector<float> displacement;  ///< sum over positions of the squared change of the residual, relative to its norm
};

/// Arithmetic of one reach, in forwards of its text: a forward and two backwards to the activations.
inline constexpr double kReachForwards = 3;

/// Measures reaches in one model.
class ReachProbe {
 public:
  explicit ReachProbe(const Decoder& decoder);

  /// The arguments mean what they mean in screen_effects.
  ///   throws   Error{input}: values of another size or not finite, a span without a fed position
  ReachEffects measure(const ReferenceText& text, InterventionKind kind, std::span<const float> values,
                       Span span) const;

 private:
  const Decoder& decoder_;
  at::Tensor column_squares_;  ///< [L, neurons_of(arch).count] f32, squared norms of the neurons' columns of W_down
};

}  // namespace neurosweep
