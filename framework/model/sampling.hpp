#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// How the next token is chosen.
struct SamplingSpec {
  double temperature = 0;  ///< 0: greedy
  double top_p = 1;        ///< sample among the fewest most likely tokens that hold this probability
};

/// Throws Error{input} unless temperature >= 0 and 0 < top_p <= 1.
void check_sampling(const SamplingSpec& spec);

/// Random number number `counter` of the stream `seed`; needs no state, so that it depends on nothing else.
///   returns  uniform in [0, 1)
double uniform_at(std::uint64_t seed, std::uint64_t counter);

struct SampledTokens {
  at::Tensor tokens;    ///< [B] int64, CPU
  at::Tensor logprobs;  ///< [B] f32, CPU: log p of the tokens at temperature 1, before top_p
};

/// One token for every row.
///   logits    [B, V] f32
///   uniforms  [B] f64, CPU, in [0, 1); not read when greedy
SampledTokens sample_tokens(const at::Tensor& logits, const at::Tensor& uniforms, const SamplingSpec& spec);

}  // namespace neurosweep
