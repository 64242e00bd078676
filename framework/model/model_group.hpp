#pragma once

#include <cstddef>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "framework/model/model_part.hpp"

namespace neurosweep {

/// The ranks that hold one decoder together, a part each (tensor parallelism). Every call is collective: all ranks of
/// the group make the same calls in the same order, and every rank gets the same bits.
class ModelGroup {
 public:
  virtual ~ModelGroup() = default;
  virtual ModelPart part() const = 0;
  /// data [n] in the decoder's memory: replaced by the sum over ranks.
  virtual void sum(float* data, std::size_t n) = 0;
  /// mine [n], all [count * n]: what every rank gave, in rank order.
  virtual void gather(const float* mine, float* all, std::size_t n) = 0;
};

// A null group is a decoder in one part: the functions below then give x as it is.

/// The sum over ranks, of x's type. Summed in f32. A gradient goes back to every rank as it comes.
///   source  arXiv:1909.08053, the operator g
at::Tensor sum_over_parts(ModelGroup* group, const at::Tensor& x);

/// x, with which every rank goes on in its own way: the gradients that come back are summed over ranks.
///   source  arXiv:1909.08053, the operator f
at::Tensor enter_parts(ModelGroup* group, const at::Tensor& x);

/// The ranks' pieces of the last dimension side by side; a gradient goes back to each rank's own piece.
///   x        [..., piece_of(total, part).count] f32
///   returns  [..., total]
at::Tensor join_pieces(ModelGroup* group, const at::Tensor& x, std::int64_t total);

}  // namespace neurosweep
