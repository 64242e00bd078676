#include "framework/measure/effects.hpp"

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/measure/target_logprobs.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {

namespace {

/// Measures `n` arms that `run` sends through the sweep.
template <class Run>
PromptEffects measure_arms(SuffixSweep& sweep, const ReferenceText& text, std::size_t n, Run&& run) {
  const auto T = static_cast<std::int64_t>(text.tokens.size());
  const std::int64_t n_scored = T - text.prompt_length;
  ensure(text.prompt_length >= 1 && n_scored >= 1, "a reference text without prompt or completion");
  const std::int64_t answer_offset = text.answer_begin - text.prompt_length;
  const SweepPrompt prompt{{text.tokens.begin(), text.tokens.end() - 1}, text.prompt_length, n_scored};

  const at::Tensor clean_logits = sweep.baseline(prompt);
  const at::Tensor targets =
      to_device(at::tensor(at::IntArrayRef(text.tokens).slice(text.prompt_length), at::kLong), clean_logits.device());
  const at::Tensor clean = target_logprobs(clean_logits, targets);

  PromptEffects effects;
  effects.reasoning_baseline = clean.sum().item<double>();
  effects.answer_baseline = clean.narrow(0, answer_offset, n_scored - answer_offset).sum().item<double>();
  effects.n_reasoning = n_scored;
  effects.n_answer = n_scored - answer_offset;
  effects.reasoning.resize(n);
  effects.answer.resize(n);
  run([&](std::span<const std::size_t> which, const at::Tensor& logits) {
    const at::Tensor change = target_logprobs(logits, targets) - clean;
    const at::Tensor reasoning = change.sum(-1).to(at::kFloat).contiguous();
    const at::Tensor answer =
        change.narrow(-1, answer_offset, n_scored - answer_offset).sum(-1).to(at::kFloat).contiguous();
    for (std::size_t b = 0; b < which.size(); ++b) {
      effects.reasoning[which[b]] = reasoning.const_data_ptr<float>()[b];
      effects.answer[which[b]] = answer.const_data_ptr<float>()[b];
    }
  });
  return effects;
}

}  // namespace

PromptEffects measure_effects(SuffixSweep& sweep, const ReferenceText& text, std::span<const SweepArm> arms) {
  return measure_arms(sweep, text, arms.size(), [&](const SuffixSweep::Sink& sink) { sweep.run(arms, sink); });
}

PromptEffects measure_joint_effects(SuffixSweep& sweep, const ReferenceText& text,
                                    std::span<const std::vector<SweepArm>> sets) {
  return measure_arms(sweep, text, sets.size(), [&](const SuffixSweep::Sink& sink) { sweep.run_sets(sets, sink); });
}

}  // namespace neurosweep
