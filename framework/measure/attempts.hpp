#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/intervene/kinds.hpp"
#include "framework/measure/suffix_sweep.hpp"
#include "framework/model/generate.hpp"
#include "framework/tasks/grader.hpp"
#include "framework/text/tokenizer.hpp"

namespace neurosweep {

/// One question put to a model once.
struct AttemptRequest {
  std::string prompt;
  std::string expected;  ///< the correct answer, for the grader
  std::uint64_t seed = 0;
  std::vector<SweepArm> arms;  ///< interventions on this attempt alone, all of them; may be empty
};

struct AttemptOptions {
  SamplingSpec sampling;
  std::int64_t max_new_tokens = 64;
  std::int64_t slots = 32;  ///< sequences in one batch
};

/// Whether the mean activation of every neuron over the generated tokens is kept.
enum class KeepMeans { no, yes };

/// A graded completion.
struct Attempt {
  std::string completion;
  std::optional<std::string> answer;
  bool correct = false;
  std::string finish;  ///< "eos", "length" or "context"
  std::int64_t n_prompt_tokens = 0;
  std::int64_t n_tokens = 0;         ///< generated, without eos
  std::vector<std::int64_t> tokens;  ///< [n_tokens]
  double logprob = 0;                ///< sum of log p of what was generated, eos included, natural log
  std::vector<float> means;          ///< [L * M], or empty: not asked for, or no generated token was fed back
  std::int64_t n_mean_tokens = 0;
};

/// Generates and grades one completion for every request, all in one batch stream.
///   observers  further hooks, visited after the interventions; BatchRows::sequence is the index of the request
///   throws  Error{input}: prompt longer than the context, or an intervention that touched no position
std::vector<Attempt> measure_attempts(const Decoder& decoder, const Tokenizer& tokenizer, const Grader& grader,
                                      std::span<const AttemptRequest> requests, const AttemptOptions& options,
                                      KeepMeans keep, const std::vector<ActivationHook*>& observers = {});

}  // namespace neurosweep
