#include "framework/measure/attempts.hpp"

#include <utility>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/intervene/composite_hook.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/intervene/neuron_means.hpp"

namespace neurosweep {

namespace {

std::vector<GenerationRequest> tokenized(const Tokenizer& tokenizer, std::span<const AttemptRequest> requests,
                                         std::int64_t max_new_tokens) {
  std::vector<GenerationRequest> generations;
  for (const auto& request : requests) {
    generations.push_back({tokenizer.encode(request.prompt, AddSpecialTokens::yes), request.seed, max_new_tokens});
  }
  return generations;
}

InterventionSet interventions_of(std::span<const AttemptRequest> requests, const ArchSpec& arch) {
  std::vector<Intervention> interventions;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    for (const SweepArm& arm : requests[i].arms) {
      interventions.push_back({static_cast<std::int64_t>(i), arm.neuron, arm.kind, arm.value, arm.span});
    }
  }
  return InterventionSet(std::move(interventions), arch);
}

Attempt graded(const Generation& generation, std::int64_t n_prompt_tokens, const AttemptRequest& request,
               const Tokenizer& tokenizer, const Grader& grader, std::int64_t max_new_tokens) {
  Attempt attempt;
  attempt.completion = tokenizer.decode(generation.tokens, SkipSpecialTokens::yes);
  const Grade grade = grader.grade(attempt.completion, request.expected);
  attempt.correct = grade.correct;
  attempt.answer = grade.answer;
  attempt.n_prompt_tokens = n_prompt_tokens;
  attempt.n_tokens = static_cast<std::int64_t>(generation.tokens.size());
  attempt.tokens = generation.tokens;
  attempt.finish = generation.ended_by_eos ? "eos" : attempt.n_tokens >= max_new_tokens ? "length" : "context";
  attempt.logprob = generation.logprob;
  return attempt;
}

}  // namespace

std::vector<Attempt> measure_attempts(const Decoder& decoder, const Tokenizer& tokenizer, const Grader& grader,
                                      std::span<const AttemptRequest> requests, const AttemptOptions& options,
                                      KeepMeans keep, const std::vector<ActivationHook*>& observers) {
  const auto prompts = tokenized(tokenizer, requests, options.max_new_tokens);
  InterventionSet interventions = interventions_of(requests, decoder.arch());
  NeuronMeans means(decoder.arch(), decoder.group());
  std::vector<ActivationHook*> hooks = {&interventions, keep == KeepMeans::yes ? &means : nullptr};
  hooks.insert(hooks.end(), observers.begin(), observers.end());
  CompositeHook hook(std::move(hooks));
  const auto generations = generate(decoder, prompts, options.sampling, options.slots, &hook);
  interventions.check_applied();

  std::vector<Attempt> attempts;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    attempts.push_back(graded(generations[i], static_cast<std::int64_t>(prompts[i].prompt.size()), requests[i],
                              tokenizer, grader, options.max_new_tokens));
    const auto sequence = static_cast<std::int64_t>(i);
    attempts.back().n_mean_tokens = means.count(sequence);
    if (attempts.back().n_mean_tokens == 0) continue;
    const at::Tensor mean = means.take(sequence).contiguous();
    attempts.back().means.assign(mean.const_data_ptr<float>(), mean.const_data_ptr<float>() + mean.numel());
  }
  return attempts;
}

}  // namespace neurosweep
