#include "experiments/sweep_job.hpp"

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/config/json.hpp"
#include "framework/measure/target_logprobs.hpp"

namespace neurosweep {

SweepJob read_sweep_job(const std::string& path) {
  const Json json = read_json(path);
  if (optional_or<std::string>(json, "kind", "", path) != "sweep") {
    throw input_error("{}: no sweep job: 'kind' must be \"sweep\"", path);
  }
  SweepJob job;
  job.name = require<std::string>(json, "name", path);
  for (const Json& prompt : require<Json>(json, "prompts", path)) {
    const std::string origin = fmt::format("{}: prompt {}", path, job.prompts.size());
    SweepJob::Prompt read{require<std::vector<std::int64_t>>(prompt, "context", origin),
                          require<std::vector<std::int64_t>>(prompt, "answer", origin), 0};
    const auto foil = require<std::vector<std::int64_t>>(prompt, "foil", origin);
    if (read.context.empty() || read.answer.empty() || foil.empty()) {
      throw input_error("{}: 'context', 'answer' and 'foil' need at least one token each", origin);
    }
    read.foil = foil.front();
    job.prompts.push_back(std::move(read));
  }
  const Span span = span_of(optional_or<std::string>(json, "span", "all", path));
  for (const Json& neuron : require<Json>(json, "neurons", path)) {
    const std::string origin = fmt::format("{}: neuron {}", path, job.neurons.size());
    const NeuronId id{LayerIndex(require<std::int64_t>(neuron, "layer", origin)),
                      NeuronIndex(require<std::int64_t>(neuron, "index", origin))};
    const auto value = static_cast<float>(optional_or<double>(neuron, "value", 0.0, origin));
    job.neurons.push_back({id, InterventionKind::set, value, span});
  }
  if (job.prompts.empty() || job.neurons.empty()) throw input_error("{}: no prompts, or no neurons", path);
  return job;
}

namespace {

/// Scores of [B, S, V] logits, S = answer tokens: log p of the answer and logit(answer[0]) - logit(foil).
struct Scores {
  at::Tensor logprob;     ///< [B] f64
  at::Tensor difference;  ///< [B] f64
};

Scores score(const at::Tensor& logits, const SweepJob::Prompt& prompt) {
  const at::Tensor answer = at::tensor(prompt.answer, at::kLong).to(logits.device());
  const at::Tensor logprob = target_logprobs(logits, answer).sum(-1);
  const at::Tensor first = logits.select(1, 0).to(at::kCPU, at::kDouble);
  return {logprob, first.select(1, prompt.answer[0]) - first.select(1, prompt.foil)};
}

}  // namespace

JobEffects run_sweep_job(const Decoder& decoder, const SweepJob& job, const SweepLimits& limits) {
  const std::size_t P = job.prompts.size();
  JobEffects effects;
  effects.logprob.resize(job.neurons.size() * P);
  effects.logit_difference.resize(job.neurons.size() * P);
  SuffixSweep sweep(decoder, limits);
  for (std::size_t p = 0; p < P; ++p) {
    const SweepJob::Prompt& prompt = job.prompts[p];
    if (prompt.foil < 0 || prompt.foil >= decoder.arch().V) {
      throw input_error("prompt {}: foil {} is outside the vocabulary of {}", p, prompt.foil, decoder.arch().V);
    }
    SweepPrompt input{prompt.context, static_cast<std::int64_t>(prompt.context.size()),
                      static_cast<std::int64_t>(prompt.answer.size())};
    input.input.insert(input.input.end(), prompt.answer.begin(), prompt.answer.end() - 1);
    const Scores clean = score(sweep.baseline(input).unsqueeze(0), prompt);
    effects.clean_logprob.push_back(clean.logprob.item<double>());
    sweep.run(job.neurons, [&](std::span<const std::size_t> which, const at::Tensor& logits) {
      const Scores scores = score(logits, prompt);
      const at::Tensor logprob = (scores.logprob - clean.logprob).to(at::kFloat).contiguous();
      const at::Tensor difference = (scores.difference - clean.difference).to(at::kFloat).contiguous();
      for (std::size_t b = 0; b < which.size(); ++b) {
        effects.logprob[which[b] * P + p] = logprob.const_data_ptr<float>()[b];
        effects.logit_difference[which[b] * P + p] = difference.const_data_ptr<float>()[b];
      }
    });
  }
  return effects;
}

}  // namespace neurosweep
