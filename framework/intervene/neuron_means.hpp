#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "framework/model/arch.hpp"
#include "framework/model/hook.hpp"

namespace neurosweep {

/// Mean activation of every neuron over the generated tokens of each sequence: over the positions at or after
/// prompt_length that were fed through the model (the last token of a generation is not).
/// Sums are f64 and in token order, so that neighbours in the batch change nothing but the forward's own rounding.
class NeuronMeans final : public ActivationHook {
 public:
  explicit NeuronMeans(const ArchSpec& arch);

  bool wants(Site site, LayerIndex layer) const override;
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;

  /// Generated tokens seen of a sequence; 0 when none was or the sequence is unknown.
  std::int64_t count(std::int64_t sequence) const;

  /// The means of a sequence, which is then forgotten.
  ///   returns  [L * M] f32 on the CPU, activation of the model, not normalised
  ///   throws   Error{input} when count(sequence) == 0
  at::Tensor take(std::int64_t sequence);

 private:
  struct Sums {
    std::vector<at::Tensor> layers;  ///< L times [M] f64
    std::int64_t tokens = 0;
  };
  std::int64_t L_, M_;
  std::unordered_map<std::int64_t, Sums> sums_;
};

}  // namespace neurosweep
