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

/// Adds what answering the items of a unit under `n_arms` arms costs; returns the bytes of the rows.
double add_unit_work(Forecast::Work& work, const Catalog& catalog, const ModelEntry& model, const TaskEntry& task,
                     const std::vector<std::string>& ids, std::int64_t n_arms, const SetArmOptions& options) {
  constexpr double kOutcomeBytes = 200;
  const auto texts = catalog.references(model, task, ids);
  const auto replies = n_arms * static_cast<std::int64_t>(texts.size());
  for (const ReferenceText& text : texts) work.forward_tokens += static_cast<double>(n_arms * std::ssize(text.tokens));
  work.units += 1;
  work.forwards += replies;
  work.add_decoding(texts, {n_arms, options.max_new_tokens, options.slots, task.spec.reply_tokens});
  return kOutcomeBytes * static_cast<double>(replies);
}

}  // namespace

void check_sets_unseen(const StudySpec& study, const ExperimentSpec& of, const std::string& judged,
                       const std::string& from, const InterventionKeys& keys) {
  const TaskSplit split = parse_split(judged);
  if (split != TaskSplit::test && split != TaskSplit::all) return;
  check_unseen(study, of, from, "suppresses what comes from");
  if (keys.op == "mean") check_unseen(study, of, keys.mean_from, "sets neurons to the means of");
}

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
  const auto texts = catalog.references(model, task, unit.items);
  for (const auto& id : unit.items) {
    const TaskItem& item = task.item(id);
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

Forecast forecast_set_arms(const Catalog& catalog, const Selection& selection, std::int64_t items_per_unit,
                           std::int64_t n_arms, const SetArmOptions& options) {
  Forecast forecast;
  forecast.upper_bound = true;
  forecast.slots = options.slots;
  forecast.unit_sequences = items_per_unit * n_arms;
  for (const auto& name : selection.models) {
    auto& work = forecast.by_model[name];
    for (const auto& task : selection.tasks) {
      for (const auto& ids : item_blocks(selection.chosen(catalog, task), items_per_unit)) {
        forecast.result_bytes +=
            add_unit_work(work, catalog, catalog.model(name), catalog.task(task), ids, n_arms, options);
      }
    }
  }
  return forecast;
}

}  // namespace neurosweep
