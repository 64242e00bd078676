#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"
#include "framework/intervene/kinds.hpp"
#include "framework/model/decoder.hpp"

namespace neurosweep {

/// What a screen edits: every neuron of a layer (that this rank holds) at the span's fed positions.
struct LayerEdit {
  const KindInfo& kind;
  at::Tensor values;  ///< [L, M] or [1, 1] f32
  std::int64_t begin, count;

  /// Edited minus given activations. a [..., T, M] -> [..., count, M] f32
  at::Tensor change(LayerIndex layer, const at::Tensor& a) const;
};

/// The edit of a text of T fed tokens.
///   values   one for all neurons, or [L * M] by flat_index; may be empty for kinds that need none
///   throws   Error{input}: values of another size or not finite, a span without a fed position
LayerEdit make_layer_edit(const Decoder& decoder, InterventionKind kind, std::span<const float> values, Span span,
                          std::int64_t prompt_length, std::int64_t T);

}  // namespace neurosweep
