#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/measure/suffix_sweep.hpp"

namespace neurosweep {

/// A sweep given as token ids: every neuron is set to its value on every prompt, at every position.
struct SweepJob {
  struct Prompt {
    std::vector<std::int64_t> context;
    std::vector<std::int64_t> answer;  ///< scored: sum of log p, natural log
    std::int64_t foil = 0;             ///< token whose logit is compared with answer[0]'s
  };
  std::string name;
  std::vector<Prompt> prompts;
  std::vector<SweepArm> neurons;
};

/// Reads {"kind": "sweep", "name", "prompts": [{"context", "answer", "foil": [id]}], "neurons": [{"layer", "index",
/// "value"}], "span": "all" (default) or another span, "generated": the answer's tokens that are fed}.
///   throws  Error{input} with path and key
SweepJob read_sweep_job(const std::string& path);

/// Effects of every neuron on every prompt, neuron-major [neurons * prompts], intervened minus clean.
struct JobEffects {
  std::vector<float> logprob;
  std::vector<float> logit_difference;
  std::vector<double> clean_logprob;  ///< [prompts]
};

/// Runs a job.
///   throws  Error{input}: a neuron or token outside the model
JobEffects run_sweep_job(const Decoder& decoder, const SweepJob& job, const SweepLimits& limits);

}  // namespace neurosweep
