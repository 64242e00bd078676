#include "framework/measure/joint_effects.hpp"

#include "framework/base/error.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/model/score.hpp"

namespace neurosweep {

namespace {

/// Sum of log p from the i-th scored token on.
double sum_from(const TokenScores& scores, std::int64_t i) {
  double sum = 0;
  for (auto t = static_cast<std::size_t>(i); t < scores.logprobs.size(); ++t) sum += scores.logprobs[t];
  return sum;
}

}  // namespace

PromptEffects measure_joint_effects(SuffixSweep& sweep, const ReferenceText& text,
                                    std::span<const std::vector<SweepArm>> sets) {
  const std::int64_t n_scored = static_cast<std::int64_t>(text.tokens.size()) - text.prompt_length;
  ensure(text.prompt_length >= 1 && n_scored >= 1, "a reference text without prompt or completion");
  const std::int64_t answer_offset = text.answer_begin - text.prompt_length;
  std::vector<Intervention> edits;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) + 1;
    for (const SweepArm& arm : sets[i]) edits.push_back({row, arm.neuron, arm.kind, arm.value, arm.span});
  }
  const std::vector<ScoreRequest> requests(sets.size() + 1, {text.tokens, text.prompt_length, text.prompt_length});
  InterventionSet hook(std::move(edits), sweep.decoder().arch());
  const auto scores = score_tokens(sweep.decoder(), requests, &hook);
  hook.check_applied();

  PromptEffects effects;
  effects.reasoning_baseline = sum_from(scores[0], 0);
  effects.answer_baseline = sum_from(scores[0], answer_offset);
  effects.n_reasoning = n_scored;
  effects.n_answer = n_scored - answer_offset;
  for (std::size_t i = 1; i < scores.size(); ++i) {
    effects.reasoning.push_back(static_cast<float>(sum_from(scores[i], 0) - effects.reasoning_baseline));
    effects.answer.push_back(static_cast<float>(sum_from(scores[i], answer_offset) - effects.answer_baseline));
  }
  return effects;
}

}  // namespace neurosweep
