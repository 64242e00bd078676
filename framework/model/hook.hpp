#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/base/ids.hpp"

namespace neurosweep {

/// Where a hook may look or write. `neuron` is the vector that W_down multiplies.
enum class Site { neuron, mlp_out, attention_out, residual };

/// What each batch row of a forward holds: column t of row b is at absolute position first_position[b] + t, and only
/// the first n_tokens[b] of the T columns are real.
struct BatchRows {
  std::vector<std::int64_t> sequence;        ///< [B] which sequence of the caller the row is; -1: idle row
  std::vector<std::int64_t> first_position;  ///< [B] absolute position of column 0
  std::vector<std::int64_t> n_tokens;        ///< [B] real columns, 0..T
  std::vector<std::int64_t> prompt_length;   ///< [B] positions below it are the prompt, the others generated
};

/// Reads or changes activations during a forward. A null hook costs nothing.
class ActivationHook {
 public:
  virtual ~ActivationHook() = default;
  virtual bool wants(Site site, LayerIndex layer) const = 0;
  /// x: [B, T, M] at neuron, or the rank's neurons_of(arch) of them in a part of a decoder; else [B, T, D]. May be
  /// changed in place. The decoder goes on with it: clone what is to be kept.
  virtual void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) = 0;

  /// Forgets what it saw of sequences that are about to run again from their first token, as a forward of theirs ran
  /// out of memory.
  ///   returns  false when it cannot: then they do not run again
  virtual bool forget(const std::vector<std::int64_t>& /*sequences*/) { return false; }

  /// Whether a generation tells the hook what the model predicts next.
  virtual bool wants_predictions() const { return false; }
  /// logits: [n, V] f32, row i of sequences[i]: what its next token is chosen from.
  virtual void predicted(const at::Tensor& /*logits*/, const std::vector<std::int64_t>& /*sequences*/) {}
};

}  // namespace neurosweep
