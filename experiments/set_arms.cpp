#include "experiments/set_arms.hpp"

#include <algorithm>

#include "experiments/planned_edits.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/measure/attempts.hpp"
#include "framework/model/score.hpp"
#include "framework/rank/set_effects.hpp"

namespace neurosweep {

namespace {

/// A named way to answer: the baseline, or with a set of neurons suppressed.
struct Arm {
  std::string name;
  std::vector<SweepArm> edits;
};

std::vector<Arm> arms_of(const Plan& plan, const WorkUnit& unit) {
  std::vector<Arm> arms = {{kBaselineArm, {}}};
  for (const SetMemberRow& row : plan.members) {
    if (row.model != unit.model || row.task != unit.task) continue;
    if (arms.back().name != row.set_name) arms.push_back({row.set_name, {}});
    arms.back().edits.push_back(edit_of(row));
  }
  return arms;
}

/// log p of the correct completion of every (item, arm), teacher-forced, item-major.
std::vector<double> reference_logprobs(const Decoder& decoder, const std::vector<ReferenceText>& texts,
                                       const std::vector<Arm>& arms) {
  std::vector<ScoreRequest> requests;
  std::vector<Intervention> edits;
  for (const ReferenceText& text : texts) {
    for (const Arm& arm : arms) {
      const auto row = static_cast<std::int64_t>(requests.size());
      for (const SweepArm& edit : arm.edits) edits.push_back({row, edit.neuron, edit.kind, edit.value, edit.span});
      requests.push_back({text.tokens, text.prompt_length, text.prompt_length});
    }
  }
  InterventionSet hook(std::move(edits), decoder.arch());
  const auto scores = score_tokens(decoder, requests, &hook);
  hook.check_applied();
  std::vector<double> sums;
  for (const TokenScores& score : scores) {
    double sum = 0;
    for (float logprob : score.logprobs) sum += logprob;
    sums.push_back(sum);
  }
  return sums;
}

OutcomeRow outcome(const WorkUnit& unit, const std::string& item, const std::string& arm, const Attempt& attempt,
                   double logprob) {
  OutcomeRow row = unit_outcome(unit, item, arm, attempt);
  row.logprob = logprob;
  return row;
}

constexpr double kOutcomeBytes = 200;

}  // namespace

void add_set(Plan& plan, const std::string& set_name, const std::string& model, const std::string& task,
             const std::vector<NeuronId>& neurons, const InterventionKeys& keys, const std::vector<float>& values,
             std::int64_t M) {
  for (const NeuronId& id : neurons) {
    const double value = values.empty() ? keys.value : values.at(static_cast<std::size_t>(flat_index(id, M)));
    plan.members.push_back({0, set_name, model, task, to_int(id.layer), to_int(id.neuron), keys.op, value, keys.span});
  }
}

UnitRows measure_set_arms(Workbench& bench, const Plan& plan, const WorkUnit& unit, const SetArmOptions& options) {
  const Catalog& catalog = bench.catalog();
  const ModelEntry& model = catalog.model(unit.model);
  const TaskEntry& task = catalog.task(unit.task);
  const Decoder& decoder = bench.decoder(unit.model);
  const std::vector<Arm> arms = arms_of(plan, unit);
  std::vector<AttemptRequest> requests;
  std::vector<ReferenceText> texts;
  for (const auto& id : unit.items) {
    const TaskItem& item = task.item(id);
    texts.push_back(catalog.reference(model, task, item));
    for (const Arm& arm : arms) requests.push_back({task.prompt.fill(item.fields), item.answer, 0, arm.edits});
  }
  const AttemptOptions decoding{{}, options.max_new_tokens, options.slots};
  const auto attempts = measure_attempts(decoder, *model.tokenizer, *task.grader, requests, decoding, KeepMeans::no);
  const auto logprobs = reference_logprobs(decoder, texts, arms);
  UnitRows rows;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    rows.add(outcome(unit, unit.items[i / arms.size()], arms[i % arms.size()].name, attempts[i], logprobs[i]));
  }
  return rows;
}

double add_set_arm_work(Forecast::Work& work, const Catalog& catalog, const ModelEntry& model, const TaskEntry& task,
                        const std::vector<std::string>& ids, std::int64_t n_arms, const SetArmOptions& options) {
  const auto arms = static_cast<double>(n_arms);
  std::vector<std::int64_t> lengths;
  for (const auto& id : ids) {
    const auto text = catalog.reference(model, task, task.item(id));
    const auto length = static_cast<std::int64_t>(text.tokens.size());
    const auto reply = std::min(length - text.prompt_length, options.max_new_tokens);
    lengths.insert(lengths.end(), static_cast<std::size_t>(n_arms), reply);
    work.forward_tokens += arms * static_cast<double>(length);
    work.prompt_tokens += arms * static_cast<double>(text.prompt_length);
    work.generated_tokens += arms * static_cast<double>(reply);
    work.add_example(text);
  }
  work.units += 1;
  work.forwards += 2 * static_cast<std::int64_t>(lengths.size());
  work.decode_steps += decode_steps(lengths, options.slots);
  return kOutcomeBytes * static_cast<double>(lengths.size());
}

}  // namespace neurosweep
