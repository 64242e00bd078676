#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/arch.hpp"
#include "framework/model/hook.hpp"
#include "framework/model/model_group.hpp"

namespace neurosweep {

/// Activation of every neuron at the last generated token of each sequence that was fed through the model (the last
/// token of a generation is not). For forwards that run all layers.
///   source  arXiv:2601.19847 sec. A.2: what the probing baseline reads
class NeuronLast final : public ActivationHook {
 public:
  ///   group  of the decoder, null when it is whole
  explicit NeuronLast(const ArchSpec& arch, ModelGroup* group = nullptr)
      : L_(arch.L), M_(arch.M), neurons_(neurons_of(arch)), group_(group) {}

  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override;

  /// Whether a generated token of the sequence was seen.
  bool has(std::int64_t sequence) const { return places_.contains(sequence); }

  /// The activations of a sequence. Collective in a group.
  ///   returns  [L * M] f32 on the CPU
  ///   throws   Error{input} unless has(sequence)
  at::Tensor of(std::int64_t sequence) const;

 private:
  void start_forward(const BatchRows& rows, const at::Tensor& x);
  std::int64_t place_of(std::int64_t sequence, const at::Tensor& x);

  std::int64_t L_, M_;
  Piece neurons_;  ///< that this rank sees
  ModelGroup* group_;
  std::unordered_map<std::int64_t, std::int64_t> places_;  ///< sequence -> row of last_
  std::int64_t used_rows_ = 0;                             ///< of last_; one of a forgotten sequence stays used
  at::Tensor last_;                                        ///< [rows, L, neurons_.count] f32 on the model's device
  at::Tensor from_, to_;                                   ///< columns of the flattened batch, rows of last_
};

}  // namespace neurosweep
