#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/arch.hpp"
#include "framework/model/hook.hpp"
#include "framework/model/model_group.hpp"

namespace neurosweep {

/// Mean activation of every neuron over the generated tokens of each sequence: over the positions at or after
/// prompt_length that were fed through the model (the last token of a generation is not).
/// Sums are f64 and each row has its own, so that neighbours in the batch change nothing but the forward's rounding.
/// For forwards that run all layers.
class NeuronMeans final : public ActivationHook {
 public:
  ///   group  of the decoder, null when it is whole
  explicit NeuronMeans(const ArchSpec& arch, ModelGroup* group = nullptr);

  bool wants(Site site, LayerIndex layer) const override;
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override;

  /// Generated tokens seen of a sequence; 0 when none was or the sequence is unknown.
  std::int64_t count(std::int64_t sequence) const;

  /// The means of a sequence, which is then forgotten. Collective in a group.
  ///   returns  [L * M] f32 on the CPU, activation of the model, not normalised
  ///   throws   Error{input} when count(sequence) == 0
  at::Tensor take(std::int64_t sequence);

 private:
  struct Place {
    std::int64_t row = 0;  ///< of sums_
    std::int64_t tokens = 0;
  };
  /// Columns [begin, begin + n) of batch row b are generated tokens, summed into row `sum` of sums_.
  struct Part {
    std::int64_t b, sum, begin, n;
  };
  using Places = std::unordered_map<std::int64_t, Place>;  ///< by sequence
  void start_forward(const BatchRows& rows, const at::Tensor& x);
  std::int64_t new_row(const at::Tensor& x);
  void free_row(Places::iterator place);

  std::int64_t L_, M_;
  Piece neurons_;  ///< that this rank sees
  ModelGroup* group_;
  Places places_;
  std::vector<std::int64_t> free_rows_;
  at::Tensor sums_;  ///< [rows, L, neurons_.count] f64 on the model's device
  std::vector<Part> parts_;
  at::Tensor batch_index_, sum_index_;  ///< the b and the sum of all parts
};

}  // namespace neurosweep
