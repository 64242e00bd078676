#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace neurosweep {

// What a monitor reads of a sequence at one moment, as a row of kOutputSignals.size() + 3 K numbers: the output
// signals, then the neuron signals one after another, each for all K neurons in their order.

/// Tokens generated; mean and lowest log-probability of the likeliest next token, mean and highest entropy (nats), over
/// the predictions so far, the next one included. Under greedy decoding the likeliest token is the generated one.
inline constexpr std::array<std::string_view, 5> kOutputSignals = {"tokens", "logprob", "lowest_logprob", "entropy",
                                                                   "highest_entropy"};

/// Mean activation over the prompt, over the generated tokens so far (0 before the first), and over those since the
/// reading before (after the prompt: the activation at its last token).
inline constexpr std::array<std::string_view, 3> kNeuronSignals = {"prompt", "running", "recent"};

/// Numbers of one reading.
constexpr std::size_t n_signals(std::size_t K) {
  return kOutputSignals.size() + kNeuronSignals.size() * K;
}

}  // namespace neurosweep
