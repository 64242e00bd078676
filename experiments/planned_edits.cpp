#include "experiments/planned_edits.hpp"

#include <utility>

namespace neurosweep {

std::vector<SweepArm> unit_arms(const Plan& plan, const WorkUnit& unit) {
  std::vector<SweepArm> arms;
  for (std::int64_t i = unit.first_arm; i < unit.first_arm + unit.n_arms; ++i) {
    arms.push_back(edit_of(plan.arms.at(static_cast<std::size_t>(i))));
  }
  return arms;
}

EffectBlockRow unit_effects(const WorkUnit& unit, const std::string& item, const char* metric, std::int64_t n_tokens,
                            double baseline, std::vector<float> effects) {
  EffectBlockRow row;
  row.model = unit.model;
  row.task = unit.task;
  row.item = item;
  row.metric = metric;
  row.first_arm = unit.first_arm;
  row.n = unit.n_arms;
  row.n_tokens = n_tokens;
  row.baseline = baseline;
  row.effects = std::move(effects);
  return row;
}

OutcomeRow unit_outcome(const WorkUnit& unit, const std::string& item, const std::string& arm, const Attempt& attempt) {
  OutcomeRow row;
  row.model = unit.model;
  row.task = unit.task;
  row.item = item;
  row.arm = arm;
  row.correct = attempt.correct ? 1 : 0;
  row.n_tokens = attempt.n_tokens;
  row.answer = attempt.answer;
  row.completion = attempt.completion;
  return row;
}

TraceRow unit_trace(const WorkUnit& unit, const std::string& item, std::int64_t number, std::uint64_t seed,
                    const SamplingSpec& sampling, const Attempt& attempt) {
  TraceRow row;
  row.model = unit.model;
  row.task = unit.task;
  row.item = item;
  row.attempt = number;
  row.seed = static_cast<std::int64_t>(seed);
  row.temperature = sampling.temperature;
  row.top_p = sampling.top_p;
  row.n_prompt_tokens = attempt.n_prompt_tokens;
  row.n_tokens = attempt.n_tokens;
  row.finish = attempt.finish;
  row.completion = attempt.completion;
  row.answer = attempt.answer;
  row.correct = attempt.correct ? 1 : 0;
  row.logprob = attempt.logprob;
  return row;
}

}  // namespace neurosweep
