#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/model/decoder.hpp"

namespace neurosweep {

/// Mean activation of every neuron over a prompt, before anything is generated.
///   prompt   at least one token
///   returns  [L * M]
///   throws   Error{input}: an empty prompt, a prompt longer than the context, a token outside the vocabulary
std::vector<float> measure_prompt_means(const Decoder& decoder, const std::vector<std::int64_t>& prompt);

/// Activations of chosen neurons at every token of a prompt.
///   returns  [T * K], token by token, in the order of `neurons`
///   throws   as measure_prompt_means; Error{input}: no neuron, one outside the model or twice
std::vector<float> measure_prompt_tokens(const Decoder& decoder, const std::vector<std::int64_t>& prompt,
                                         std::span<const NeuronId> neurons);

}  // namespace neurosweep
