#pragma once

#include <cstdint>
#include <vector>

#include "framework/model/decoder.hpp"
#include "framework/model/sampling.hpp"

namespace neurosweep {

struct GenerationRequest {
  std::vector<std::int64_t> prompt;  ///< at least one token
  std::uint64_t seed = 0;            ///< of this request's own random stream
  std::int64_t max_new_tokens = 0;
};

struct Generation {
  std::vector<std::int64_t> tokens;  ///< new ones only, without eos
  bool ended_by_eos = false;
  double logprob = 0;  ///< sum of log p of the new tokens and of eos, at temperature 1
};

/// Continues every prompt until eos, max_new_tokens or the end of the context.
/// Up to `slots` sequences run in one batch and a free slot takes the next request; a result depends on its request
/// only, not on slots or neighbours: where memory runs out, all start again in half as many slots. The hook sees
/// BatchRows::sequence = index of the request; the last token of a generation is never fed back, so a hook does not see
/// it.
///   returns  in the order of the requests
///   throws   Error{input}: empty prompt, prompt longer than the context, token id outside the vocabulary, slots < 1
std::vector<Generation> generate(const Decoder& decoder, const std::vector<GenerationRequest>& requests,
                                 const SamplingSpec& sampling, std::int64_t slots, ActivationHook* hook = nullptr);

}  // namespace neurosweep
