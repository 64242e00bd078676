#include "framework/measure/suffix_sweep.hpp"

#include "framework/base/error.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/measure/sweep_engine.hpp"
#include "framework/model/torch_errors.hpp"

namespace neurosweep {

SuffixSweep::SuffixSweep(const Decoder& decoder, std::int64_t rows) : SuffixSweep(decoder, SweepLimits{rows, 0}) {}

SuffixSweep::SuffixSweep(const Decoder& decoder, const SweepLimits& limits) : decoder_(decoder) {
  if (limits.rows < 1) throw input_error("rows per batch must be at least 1, found {}", limits.rows);
  const bool is_packed = decoder.device().is_cpu() && decoder.group() == nullptr;
  engine_ = is_packed ? make_packed_engine(decoder, limits) : make_torch_engine(decoder, limits);
}

SuffixSweep::~SuffixSweep() = default;

at::Tensor SuffixSweep::baseline(const SweepPrompt& prompt) {
  const auto T = static_cast<std::int64_t>(prompt.input.size());
  if (T < 1 || prompt.n_scored < 1 || prompt.n_scored > T) {
    throw input_error("a sweep prompt has {} tokens and {} scored positions; expected 1 <= scored <= tokens", T,
                      prompt.n_scored);
  }
  prompt_ = prompt;
  return guard_torch("running the baseline of a sweep", [&] { return engine_->baseline(prompt); });
}

void SuffixSweep::check(const SweepArm& arm) const {
  const Intervention edit{0, arm.neuron, arm.kind, arm.value, arm.span};
  check_intervention(edit, decoder_.arch());
  const auto [begin, end] =
      positions_of(arm.span, prompt_.prompt_length, static_cast<std::int64_t>(prompt_.input.size()));
  if (begin < end) return;
  throw input_error("intervention had no effect: {} touched no position (no token of its sequence lies in the span)",
                    describe(edit));
}

void SuffixSweep::run(std::span<const SweepArm> arms, const Sink& sink) const {
  ensure(!prompt_.input.empty(), "SuffixSweep::run before baseline");
  std::vector<JointArm> single;
  for (const SweepArm& arm : arms) {
    check(arm);
    single.emplace_back(&arm, 1);
  }
  guard_torch("sweeping", [&] { engine_->run(single, sink); });
}

void SuffixSweep::run_sets(std::span<const std::vector<SweepArm>> sets, const Sink& sink) const {
  ensure(!prompt_.input.empty(), "SuffixSweep::run_sets before baseline");
  std::vector<JointArm> joint;
  for (const auto& set : sets) {
    if (set.empty()) throw input_error("a joint arm without an edit: every set needs at least one neuron");
    for (const SweepArm& arm : set) check(arm);
    joint.emplace_back(set);
  }
  guard_torch("sweeping", [&] { engine_->run(joint, sink); });
}

}  // namespace neurosweep
