#include "experiments/sweep.hpp"

#include <algorithm>

#include "experiments/planned_edits.hpp"
#include "framework/base/error.hpp"
#include "framework/measure/attempts.hpp"
#include "framework/measure/effects.hpp"
#include "framework/rank/neuron_effects.hpp"

namespace neurosweep {

namespace {

constexpr const char* kMetrics[] = {"reasoning_logprob", "answer_logprob", "accuracy"};

class SweepExperiment final : public Experiment {
 public:
  SweepExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
    keys_.intervention.check(study, spec);
    if (keys_.candidates != kAllNeurons) {
      earlier_experiment(study, spec, "candidates", keys_.candidates, {"identify", "sweep", "race"});
    }
    const std::size_t usable = keys_.accuracy ? 3 : 2;
    if (std::find(kMetrics, kMetrics + usable, keys_.metric) == kMetrics + usable) {
      throw input_error("{}: experiment '{}': metric '{}' is not measured here; expected one of {}{}",
                        to_text(spec.table.place), spec.name, keys_.metric,
                        fmt::join(kMetrics, kMetrics + usable, ", "),
                        keys_.accuracy ? "" : " (or set accuracy = true)");
    }
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.selection.models) {
      const auto first = static_cast<std::int64_t>(plan.arms.size());
      add_arms(plan, catalog, model, so_far);
      const auto end = static_cast<std::int64_t>(plan.arms.size());
      for (const auto& task : keys_.selection.tasks) {
        for (const auto& item : keys_.selection.chosen(catalog, task)) {
          for (std::int64_t arm = first; arm < end; arm += keys_.arms_per_unit) {
            plan.units.push_back({model, task, {item.id}, arm, std::min(keys_.arms_per_unit, end - arm)});
          }
        }
      }
    }
    if (plan.arms.empty()) {
      throw input_error(
          "experiment '{}': '{}' chose no neuron (with polarity = true none may pass the filter): set "
          "polarity = false there, or candidates = \"all\" here",
          keys_.name, keys_.candidates);
    }
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    const Catalog& catalog = bench.catalog();
    const TaskEntry& task = catalog.task(unit.task);
    const auto arms = unit_arms(plan, unit);
    SuffixSweep sweep(bench.decoder(unit.model), bench.sweep_limits(unit.model, keys_.rows));
    UnitRows rows;
    for (const auto& id : unit.items) {
      const TaskItem& item = task.item(id);
      const auto text = catalog.reference(catalog.model(unit.model), task, item);
      const PromptEffects effects = measure_effects(sweep, text, arms);
      rows.add(unit_effects(unit, id, kMetrics[0], effects.n_reasoning, effects.reasoning_baseline, effects.reasoning));
      rows.add(unit_effects(unit, id, kMetrics[1], effects.n_answer, effects.answer_baseline, effects.answer));
      if (keys_.accuracy) rows.add(accuracy_block(bench, unit, item, arms));
    }
    return rows;
  }

  void reduce(const Catalog&, Database& db) const override {
    RankSpec spec;
    spec.experiment = keys_.name;
    spec.metric = keys_.metric;
    spec.top = keys_.critical;
    spec.fdr = keys_.fdr;
    rank_neurons(db, spec);
  }

  Forecast forecast(const Catalog& catalog) const override;

 private:
  /// Adds an item's units to a forecast.
  void add_item(Forecast::Work& work, const ReferenceText& text, std::int64_t reply, std::int64_t arms) const;

  void add_arms(Plan& plan, const Catalog& catalog, const std::string& model, const Database& so_far) const {
    const ArchSpec& arch = catalog.model(model).arch;
    const bool all = keys_.candidates == kAllNeurons;
    auto sets = keys_.selection.tasks;
    sets.emplace_back(kAllTasks);
    const auto candidates = all ? all_neurons(arch) : best_neurons(so_far, keys_.candidates, model, sets, keys_.top);
    const auto seed = content_seed(catalog.study(), fmt::format("{}|{}", keys_.name, model));
    const auto controls = draw_controls(candidates, arch, keys_.controls, static_cast<std::uint64_t>(seed));
    const auto values = keys_.intervention.values(so_far, model);
    std::vector<ArmRow> arms;
    for (const auto& [role, neurons] : {std::pair("candidate", &candidates), std::pair("control", &controls)}) {
      for (const NeuronId& id : *neurons) {
        const double value = values.empty() ? keys_.intervention.value : values.at(flat_index(id, arch.M));
        arms.push_back({0, 0, model, to_int(id.layer), to_int(id.neuron), keys_.intervention.op, value,
                        keys_.intervention.span, role});
      }
    }
    std::stable_sort(arms.begin(), arms.end(), [](const ArmRow& a, const ArmRow& b) { return a.layer < b.layer; });
    for (ArmRow& arm : arms) {
      arm.arm = static_cast<std::int64_t>(plan.arms.size());
      plan.arms.push_back(std::move(arm));
    }
  }

  EffectBlockRow accuracy_block(Workbench& bench, const WorkUnit& unit, const TaskItem& item,
                                const std::vector<SweepArm>& arms) const {
    const TaskEntry& task = bench.catalog().task(unit.task);
    const std::string prompt = task.prompt.fill(item.fields);
    std::vector<AttemptRequest> requests = {{prompt, item.answer, 0, {}}};
    for (const SweepArm& arm : arms) requests.push_back({prompt, item.answer, 0, {arm}});
    const AttemptOptions options{{}, keys_.max_new_tokens, keys_.rows};
    const auto attempts = measure_attempts(bench.decoder(unit.model), *bench.catalog().model(unit.model).tokenizer,
                                           *task.grader, requests, options, KeepMeans::no);
    const double baseline = attempts[0].correct ? 1 : 0;
    std::vector<float> effects;
    for (std::size_t i = 1; i < attempts.size(); ++i) {
      effects.push_back(static_cast<float>((attempts[i].correct ? 1 : 0) - baseline));
    }
    return unit_effects(unit, item.id, kMetrics[2], attempts[0].n_tokens, baseline, std::move(effects));
  }

  SweepSpec keys_;
};

Forecast SweepExperiment::forecast(const Catalog& catalog) const {
  Forecast forecast;
  const bool all = keys_.candidates == kAllNeurons;
  forecast.upper_bound = !all;
  forecast.arm = {{},
                  intervention_kind(keys_.intervention.op),
                  static_cast<float>(keys_.intervention.value),
                  span_of(keys_.intervention.span)};
  forecast.rows = forecast.slots = keys_.rows;
  forecast.unit_arms = forecast.unit_sequences = keys_.arms_per_unit;
  for (const auto& name : keys_.selection.models) {
    const ModelEntry& model = catalog.model(name);
    const std::int64_t neurons = model.arch.L * model.arch.M;
    const auto sets = static_cast<std::int64_t>(keys_.selection.tasks.size()) + 1;
    const std::int64_t arms = (all ? neurons : std::min(neurons, keys_.top * sets)) + std::min(keys_.controls, neurons);
    auto& work = forecast.by_model[name];
    for (const auto& task : keys_.selection.tasks) {
      for (const auto& item : keys_.selection.chosen(catalog, task)) {
        const TaskEntry& entry = catalog.task(task);
        add_item(work, catalog.reference(model, entry, item), entry.spec.reply_tokens, arms);
        forecast.result_bytes += 4.0 * static_cast<double>(arms) * (keys_.accuracy ? 3 : 2);
      }
    }
  }
  return forecast;
}

void SweepExperiment::add_item(Forecast::Work& work, const ReferenceText& text, std::int64_t reply,
                               std::int64_t arms) const {
  const auto fed = static_cast<double>(text.tokens.size() - 1);
  work.add_example(text);
  for (std::int64_t first = 0; first < arms; first += keys_.arms_per_unit) {
    const std::int64_t n = std::min(keys_.arms_per_unit, arms - first);
    work.units += 1;
    work.forwards += n + 1;
    work.forward_tokens += fed;
    work.sweep_tokens += static_cast<double>(n) * fed;
    if (keys_.accuracy) work.add_decoding({text}, {n + 1, keys_.max_new_tokens, keys_.rows, reply});
  }
}

}  // namespace

std::unique_ptr<Experiment> make_sweep(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<SweepExperiment>(spec, study);
}

}  // namespace neurosweep
