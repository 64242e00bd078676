#include "experiments/suppress.hpp"

#include <algorithm>

#include "experiments/planned_edits.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/intervene/intervention_set.hpp"
#include "framework/measure/attempts.hpp"
#include "framework/model/score.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/matched_sets.hpp"
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

class SuppressExperiment final : public Experiment {
 public:
  SuppressExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
    keys_.intervention.check(study, spec);
    earlier_experiment(study, spec, "from", keys_.from, {"sweep", "identify", "minimize", "race"});
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.selection.models) {
      for (const auto& task : keys_.selection.tasks) {
        const auto neurons = best_neurons(so_far, keys_.from, model, {keys_.pooled ? kAllTasks : task}, keys_.top);
        if (neurons.empty()) {
          log_warning("{}: '{}' found no critical neuron for model '{}', task '{}': nothing to suppress there",
                      keys_.name, keys_.from, model, task);
          continue;
        }
        add_sets(plan, catalog, model, task, neurons, so_far);
        for (auto& items : item_blocks(keys_.selection.chosen(catalog, task), keys_.items_per_unit)) {
          plan.units.push_back({model, task, std::move(items)});
        }
      }
    }
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
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
    const AttemptOptions options{{}, keys_.max_new_tokens, keys_.slots};
    const auto attempts = measure_attempts(decoder, *model.tokenizer, *task.grader, requests, options, KeepMeans::no);
    const auto logprobs = reference_logprobs(decoder, texts, arms);
    UnitRows rows;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      rows.add(outcome(unit, unit.items[i / arms.size()], arms[i % arms.size()].name, attempts[i], logprobs[i]));
    }
    return rows;
  }

  void reduce(const Catalog&, Database& db) const override {
    if (!db.select<OutcomeRow>("WHERE round_id IN (SELECT round_id FROM round WHERE experiment = ?) LIMIT 1",
                               {keys_.name})
             .empty()) {
      reduce_set_effects(db, keys_.name);
    }
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.upper_bound = true;
    forecast.slots = keys_.slots;
    forecast.unit_sequences = keys_.items_per_unit * n_arms();
    for (const auto& name : keys_.selection.models) {
      auto& work = forecast.by_model[name];
      for (const auto& task : keys_.selection.tasks) {
        for (const auto& ids : item_blocks(keys_.selection.chosen(catalog, task), keys_.items_per_unit)) {
          add_unit(work, catalog, catalog.model(name), catalog.task(task), ids);
          forecast.result_bytes += static_cast<double>(static_cast<std::int64_t>(ids.size()) * n_arms() * 200);
        }
      }
    }
    return forecast;
  }

 private:
  /// The baseline, the critical set and the random sets.
  std::int64_t n_arms() const { return keys_.random_sets + 2; }

  void add_unit(Forecast::Work& work, const Catalog& catalog, const ModelEntry& model, const TaskEntry& task,
                const std::vector<std::string>& ids) const {
    const auto arms = static_cast<double>(n_arms());
    std::vector<std::int64_t> lengths;
    for (const auto& id : ids) {
      const auto text = catalog.reference(model, task, task.item(id));
      const auto length = static_cast<std::int64_t>(text.tokens.size());
      const auto reply = std::min(length - text.prompt_length, keys_.max_new_tokens);
      lengths.insert(lengths.end(), static_cast<std::size_t>(n_arms()), reply);
      work.forward_tokens += arms * static_cast<double>(length);
      work.prompt_tokens += arms * static_cast<double>(text.prompt_length);
      work.generated_tokens += arms * static_cast<double>(reply);
      work.add_example(text);
    }
    work.units += 1;
    work.forwards += 2 * static_cast<std::int64_t>(lengths.size());
    work.decode_steps += decode_steps(lengths, keys_.slots);
  }

  void add_sets(Plan& plan, const Catalog& catalog, const std::string& model, const std::string& task,
                const std::vector<NeuronId>& critical, const Database& so_far) const {
    const ArchSpec& arch = catalog.model(model).arch;
    const auto values = keys_.intervention.values(so_far, model);
    const auto add = [&](const std::string& set_name, const std::vector<NeuronId>& neurons) {
      for (const NeuronId& id : neurons) {
        const double value = values.empty() ? keys_.intervention.value : values.at(flat_index(id, arch.M));
        plan.members.push_back({0, set_name, model, task, to_int(id.layer), to_int(id.neuron), keys_.intervention.op,
                                value, keys_.intervention.span});
      }
    };
    add(kCriticalSet, critical);
    const auto seed = content_seed(catalog.study(), fmt::format("{}|{}", keys_.name, model));
    const auto random = make_matched_sets(critical, arch.M, keys_.random_sets, static_cast<std::uint64_t>(seed));
    for (std::size_t i = 0; i < random.size(); ++i) add(fmt::format("{}{:02}", kRandomSetPrefix, i), random[i]);
  }

  static OutcomeRow outcome(const WorkUnit& unit, const std::string& item, const std::string& arm,
                            const Attempt& attempt, double logprob) {
    OutcomeRow row;
    row.model = unit.model;
    row.task = unit.task;
    row.item = item;
    row.arm = arm;
    row.correct = attempt.correct ? 1 : 0;
    row.n_tokens = attempt.n_tokens;
    row.answer = attempt.answer;
    row.completion = attempt.completion;
    row.logprob = logprob;
    return row;
  }

  SuppressSpec keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_suppress(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<SuppressExperiment>(spec, study);
}

}  // namespace neurosweep
