#pragma once

#include <cstdint>
#include <vector>

#include "framework/model/decoder.hpp"

namespace neurosweep {

struct ScoreRequest {
  std::vector<std::int64_t> tokens;  ///< at least one
  std::int64_t prompt_length = 0;    ///< for the hook's spans
  std::int64_t first_scored = 1;     ///< the first token whose probability is wanted, >= 1
};

struct TokenScores {
  std::vector<float> logprobs;       ///< [i] = log p(tokens[t] | tokens before t), t = first_scored + i
  std::vector<std::int64_t> argmax;  ///< [i] = the most likely token at t
};

/// Probabilities of given tokens. Sequences are batched right-padded, which a causal decoder makes exact; logits are
/// made only where a token is scored. The hook sees BatchRows::sequence = index of the request.
///   throws  Error{input}: empty sequence, longer than the context, token id outside the vocabulary
std::vector<TokenScores> score_tokens(const Decoder& decoder, const std::vector<ScoreRequest>& requests,
                                      ActivationHook* hook = nullptr);

/// log p(token t | tokens before t) for t >= 1 of every sequence.
std::vector<std::vector<float>> token_logprobs(const Decoder& decoder,
                                               const std::vector<std::vector<std::int64_t>>& sequences,
                                               ActivationHook* hook = nullptr);

}  // namespace neurosweep
