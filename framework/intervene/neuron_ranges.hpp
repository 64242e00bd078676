#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "framework/intervene/chosen_neurons.hpp"
#include "framework/model/hook.hpp"

namespace neurosweep {

/// Least and largest activation of chosen neurons at the tokens that each sequence's reply is decided from: the last
/// token of the prompt and the generated ones that are fed back.
class NeuronRanges final : public ActivationHook {
 public:
  ///   throws  Error{input} as ChosenNeurons
  NeuronRanges(std::span<const NeuronId> neurons, const ArchSpec& arch, ModelGroup* group = nullptr)
      : neurons_(neurons, arch, group) {}

  bool wants(Site site, LayerIndex layer) const override {
    return site == Site::neuron && !neurons_.places(layer).empty();
  }
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) override;
  bool forget(const std::vector<std::int64_t>& sequences) override {
    for (const std::int64_t sequence : sequences) ranges_.erase(sequence);
    return true;
  }

  struct Range {
    std::int64_t n_tokens = 0;
    std::vector<float> least, largest;  ///< [K]
  };
  /// Range of a sequence; n_tokens = 0 for one that was never seen.
  Range of(std::int64_t sequence) const;

 private:
  ChosenNeurons neurons_;
  std::unordered_map<std::int64_t, Range> ranges_;
};

}  // namespace neurosweep
