#include "experiments/race.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "experiments/planned_edits.hpp"
#include "experiments/race_field.hpp"
#include "experiments/race_rows.hpp"
#include "framework/base/error.hpp"
#include "framework/measure/effects.hpp"
#include "framework/measure/reach.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kUsualRounds = 4;
constexpr std::int64_t kAnyRound = std::numeric_limits<std::int64_t>::max();

class RaceExperiment final : public Experiment {
 public:
  RaceExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
    keys_.intervention.check(study, spec);
    if (keys_.error <= 0 || keys_.error >= 1) {
      throw input_error("{}: experiment '{}': error = {} must be between 0 and 1, such as 0.05",
                        to_text(spec.table.place), spec.name, keys_.error);
    }
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no == 0) return plan_screen(catalog, so_far);
    if (!complete(so_far, round_no)) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.selection.models) {
      const StoredRace race = read_race(keys_, catalog, so_far, model, round_no);
      add_units(plan, model, race, advance_race(race.field, race.spec).requests,
                keys_.intervention.values(so_far, model));
    }
    if (plan.units.empty()) return std::nullopt;
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    return plan.round_no == 0 ? measure_screen(bench, plan, unit) : measure_arms(bench, plan, unit);
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    RaceRows rows;
    if (complete(db, kAnyRound)) {
      for (const auto& model : keys_.selection.models) {
        const StoredRace race = read_race(keys_, catalog, db, model, kAnyRound);
        const RaceStep step = advance_race(race.field, race.spec);
        ensure(step.requests.empty(), "a race is reduced when it is over");
        add_race_rows(rows, keys_, model, race, step.verdict);
      }
    }
    replace_derived(db, keys_.name, rows.neurons);
    replace_derived(db, keys_.name, rows.results);
    replace_derived(db, keys_.name, rows.effects);
    replace_derived(db, keys_.name, rows.members);
  }

  Forecast forecast(const Catalog& catalog) const override;

 private:
  /// A race cannot go on over a unit that failed.
  bool complete(const Database& db, std::int64_t rounds) const {
    return rounds_complete(db, keys_.name, rounds, "without a result");
  }

  /// One unit for a few items. Arms are listed only where every neuron has a value of its own.
  Plan plan_screen(const Catalog& catalog, const Database& so_far) const {
    Plan plan{keys_.name, keys_.kind, 0, {}, {}, {}};
    for (const auto& model : keys_.selection.models) {
      const auto values = keys_.intervention.values(so_far, model);
      for (std::size_t i = 0; i < values.size(); ++i) {
        add_arm(plan, model, neuron_at(static_cast<std::int64_t>(i), catalog.model(model).arch.M), values[i],
                "candidate");
      }
      for (const auto& task : keys_.selection.tasks) {
        for (auto& items : item_blocks(keys_.selection.chosen(catalog, task), keys_.items_per_unit)) {
          plan.units.push_back({model, task, std::move(items)});
        }
      }
    }
    return plan;
  }

  /// Units for the requested effects: all of an item together, its arms by neuron.
  void add_units(Plan& plan, const std::string& model, const StoredRace& race, std::vector<RaceRequest> requests,
                 const std::vector<float>& values) const {
    std::sort(requests.begin(), requests.end(), [](const RaceRequest& a, const RaceRequest& b) {
      return std::pair(a.item, a.entrant) < std::pair(b.item, b.entrant);
    });
    std::size_t item = race.items.size();
    for (const RaceRequest& request : requests) {
      if (request.item != item || plan.units.back().n_arms == keys_.arms_per_unit) {
        item = request.item;
        const auto first = static_cast<std::int64_t>(plan.arms.size());
        plan.units.push_back({model, race.items[item].first, {race.items[item].second}, first, 0});
      }
      ++plan.units.back().n_arms;
      const Entrant& entrant = race.field.entrants[request.entrant];
      const auto flat = static_cast<std::size_t>(entrant.neuron);
      add_arm(plan, model, neuron_at(entrant.neuron, race.field.M),
              values.empty() ? keys_.intervention.value : values.at(flat),
              entrant.role == RaceRole::control ? "control" : "candidate");
    }
  }

  void add_arm(Plan& plan, const std::string& model, const NeuronId& id, double value, const char* role) const {
    plan.arms.push_back({0, static_cast<std::int64_t>(plan.arms.size()), model, to_int(id.layer), to_int(id.neuron),
                         keys_.intervention.op, value, keys_.intervention.span, role});
  }

  UnitRows measure_screen(Workbench& bench, const Plan& plan, const WorkUnit& unit) const;
  UnitRows measure_arms(Workbench& bench, const Plan& plan, const WorkUnit& unit) const;

  RaceKeys keys_;
};

ScreenBlockRow screen_block(const WorkUnit& unit, const std::string& item, const char* metric,
                            const ReachEffects& reach, std::vector<float> effects) {
  ScreenBlockRow row;
  row.model = unit.model;
  row.task = unit.task;
  row.item = item;
  row.metric = metric;
  row.n = static_cast<std::int64_t>(effects.size());
  row.n_tokens = reach.n_scored;
  row.baseline = reach.baseline;
  row.effects = std::move(effects);
  return row;
}

UnitRows RaceExperiment::measure_screen(Workbench& bench, const Plan& plan, const WorkUnit& unit) const {
  const Catalog& catalog = bench.catalog();
  const TaskEntry& task = catalog.task(unit.task);
  const ReachProbe probe(bench.decoder(unit.model));
  std::vector<float> values;
  for (const ArmRow& arm : plan.arms) {
    if (arm.model == unit.model) values.push_back(static_cast<float>(arm.value));
  }
  if (values.empty()) values.push_back(static_cast<float>(keys_.intervention.value));
  UnitRows rows;
  for (const auto& id : unit.items) {
    const auto text = catalog.reference(catalog.model(unit.model), task, task.item(id));
    ReachEffects reach =
        probe.measure(text, intervention_kind(keys_.intervention.op), values, span_of(keys_.intervention.span));
    rows.add(screen_block(unit, id, kRaceMetric, reach, std::move(reach.effect)));
    rows.add(screen_block(unit, id, kPushMetric, reach, std::move(reach.push)));
    rows.add(screen_block(unit, id, kDisplacementMetric, reach, std::move(reach.displacement)));
  }
  return rows;
}

UnitRows RaceExperiment::measure_arms(Workbench& bench, const Plan& plan, const WorkUnit& unit) const {
  const Catalog& catalog = bench.catalog();
  const TaskEntry& task = catalog.task(unit.task);
  SuffixSweep sweep(bench.decoder(unit.model), bench.sweep_limits(unit.model, keys_.rows));
  const auto text = catalog.reference(catalog.model(unit.model), task, task.item(unit.items.front()));
  PromptEffects effects = measure_effects(sweep, text, unit_arms(plan, unit));
  UnitRows rows;
  rows.add(unit_effects(unit, unit.items.front(), kRaceMetric, effects.n_reasoning, effects.reasoning_baseline,
                        std::move(effects.reasoning)));
  rows.add(unit_effects(unit, unit.items.front(), "answer_logprob", effects.n_answer, effects.answer_baseline,
                        std::move(effects.answer)));
  return rows;
}

Forecast RaceExperiment::forecast(const Catalog& catalog) const {
  Forecast forecast;
  forecast.upper_bound = true;
  for (const auto& name : keys_.selection.models) {
    const ModelEntry& model = catalog.model(name);
    auto& work = forecast.by_model[name];
    double tokens = 0, scored = 0, items = 0;
    for (const auto& task : keys_.selection.tasks) {
      for (const auto& item : keys_.selection.chosen(catalog, task)) {
        const auto text = catalog.reference(model, catalog.task(task), item);
        tokens += static_cast<double>(text.tokens.size()) - 1;
        scored += static_cast<double>(text.tokens.size()) - static_cast<double>(text.prompt_length);
        items += 1;
      }
    }
    const auto costs = suffix_forwards(model.arch, tokens / items, scored / items);
    const double all = std::accumulate(costs.begin(), costs.end(), 0.0) * static_cast<double>(model.arch.M) * items;
    const double forwards = std::max(keys_.budget * all, kReachForwards * items);
    work.units += static_cast<std::int64_t>(items) * (1 + kUsualRounds);
    work.forwards += static_cast<std::int64_t>(forwards);
    work.forward_tokens += forwards * tokens / items;
    forecast.result_bytes += items * 3 * 4 * static_cast<double>(model.arch.L * model.arch.M) + 8 * forwards;
  }
  return forecast;
}

}  // namespace

std::unique_ptr<Experiment> make_race(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<RaceExperiment>(spec, study);
}

}  // namespace neurosweep
