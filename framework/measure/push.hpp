#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/measure/reference_text.hpp"
#include "framework/model/decoder.hpp"

namespace neurosweep {

/// A completion that should become likelier, or less likely.
struct PushText {
  ReferenceText text;
  double weight = 1;  ///< of its log probability
};

/// Slope of the weighted sum of log p(completion) by a constant added to every neuron wherever a completion's token is
/// decided: from the last token of the prompt on, as SteerScope::generated.
///   returns  [L * M] by flat_index, nats per unit of activation
std::vector<float> push_gradient(const Decoder& decoder, std::span<const PushText> texts);

struct LearnOptions {
  std::int64_t steps = 60;
  std::int64_t batch = 64;  ///< texts in one step
  double rate = 0.01;       ///< Adam's step, in units of activation; falls to 0 over the steps
  double max_norm = 2;      ///< of all constants together
  std::uint64_t seed = 0;   ///< order of the texts
};

/// Constants for chosen neurons that make the completions likelier.
struct LearnedPush {
  std::vector<float> push;  ///< [K], in the order of the neurons
  double loss_before = 0;   ///< mean of -weight * log p(completion) over the texts, nats
  double loss_after = 0;
};

/// Learns the constants by gradient steps from 0, kept inside the norm.
///   throws  Error{input}: no text, no neuron, or options that are not positive
///   source  Kingma, Ba 2015, "Adam: a method for stochastic optimization"
LearnedPush learn_push(const Decoder& decoder, std::span<const PushText> texts, std::span<const NeuronId> neurons,
                       const LearnOptions& options);

}  // namespace neurosweep
