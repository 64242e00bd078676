#include "experiments/gradient.hpp"

#include <map>

#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/measure/push.hpp"
#include "framework/rank/push_gradients.hpp"
#include "framework/rank/scores.hpp"

namespace neurosweep {

namespace {

/// Completions of a trace experiment that are compared at an item, correct and incorrect in turn.
using Pairs = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;

Pairs read_pairs(const Database& db, const GradientKeys& keys, const std::string& model) {
  std::vector<TraceKey> traces;
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, std::string> completions;
  db.for_each<TraceRow>(
      "WHERE model = ? AND round_id IN (SELECT round_id FROM round WHERE experiment = ?)", {model, keys.from},
      [&](TraceRow&& row) {
        if (row.finish != "eos") return;
        traces.push_back({row.round_id, row.unit, row.seq, row.task, row.item, row.attempt, row.correct});
        completions.emplace(std::tuple(row.round_id, row.unit, row.seq), std::move(row.completion));
      });
  Pairs pairs;
  for (const TracePair& pair : pair_traces(std::move(traces))) {
    auto& texts = pairs[{pair.correct.task, pair.correct.item}];
    if (static_cast<std::int64_t>(texts.size()) >= 2 * keys.pairs) continue;
    for (const TraceKey& key : {pair.correct, pair.incorrect}) {
      texts.push_back(completions.at({key.round_id, key.unit, key.seq}));
    }
  }
  return pairs;
}

class GradientExperiment final : public Experiment {
 public:
  GradientExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
    if (!keys_.from.empty()) earlier_experiment(study, spec, "from", keys_.from, {"trace"});
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.selection.models) {
      const Pairs pairs = keys_.from.empty() ? Pairs{} : read_pairs(so_far, keys_, model);
      for (const auto& task : keys_.selection.tasks) {
        if (keys_.from.empty()) {
          for (auto& items : item_blocks(keys_.selection.chosen(catalog, task), keys_.items_per_unit)) {
            plan.units.push_back({model, task, std::move(items)});
          }
        } else {
          add_pair_units(plan, model, task, pairs);
        }
      }
    }
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override;

  void reduce(const Catalog&, Database& db) const override {
    rank_gradients(db, {keys_.name, keys_.selection.models, keys_.selection.tasks, keys_.top});
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    forecast.upper_bound = !keys_.from.empty();
    const double texts = keys_.from.empty() ? 1 : static_cast<double>(2 * keys_.pairs);
    for (const auto& name : keys_.selection.models) {
      const ModelEntry& model = catalog.model(name);
      auto& work = forecast.by_model[name];
      for (const auto& task : keys_.selection.tasks) {
        const auto chosen = keys_.selection.chosen(catalog, task);
        for (const TaskItem& item : chosen) {
          const auto text = catalog.reference(model, catalog.task(task), item);
          work.forwards += static_cast<std::int64_t>(texts);
          work.forward_tokens += kGradientForwards * texts * static_cast<double>(text.tokens.size());
          work.add_example(text);
        }
        const auto blocks = static_cast<std::int64_t>(item_blocks(chosen, keys_.items_per_unit).size());
        work.units += blocks;
        forecast.result_bytes += static_cast<double>(4 * blocks * model.arch.L * model.arch.M);
      }
    }
    return forecast;
  }

 private:
  static constexpr double kGradientForwards = 2;  // a forward and a backward to the activations

  /// Units of items with pairs; their texts are pairs * 2 completions of each item, item by item.
  void add_pair_units(Plan& plan, const std::string& model, const std::string& task, const Pairs& pairs) const {
    std::int64_t items = 0;
    for (const auto& [key, texts] : pairs) {
      if (key.first != task) continue;
      if (items++ % keys_.items_per_unit == 0) plan.units.push_back({model, task, {}});
      for (const std::string& text : texts) {
        plan.units.back().items.push_back(key.second);
        plan.units.back().texts.push_back(text);
      }
    }
    if (items > 0) return;
    log_warning("{}: no item of model '{}', task '{}' has both a correct and an incorrect attempt in '{}'", keys_.name,
                model, task, keys_.from);
  }

  GradientKeys keys_;
};

UnitRows GradientExperiment::measure(Workbench& bench, const Plan&, const WorkUnit& unit) const {
  const Catalog& catalog = bench.catalog();
  const ModelEntry& model = catalog.model(unit.model);
  const TaskEntry& task = catalog.task(unit.task);
  std::vector<PushText> texts;
  for (std::size_t i = 0; i < unit.items.size(); ++i) {
    const TaskItem& item = task.item(unit.items[i]);
    if (unit.texts.empty()) {
      texts.push_back({catalog.reference(model, task, item), 1});
    } else {
      const auto eos = model.arch.eos.empty() ? -1 : model.arch.eos.front();
      texts.push_back(
          {make_reference(*model.tokenizer, task.prompt.fill(item.fields), unit.texts[i], item.fields.at("answer"), eos,
                          model.arch.context, fmt::format("an attempt at '{}'", item.id)),
           i % 2 == 0 ? 1.0 : -1.0});
    }
  }
  std::vector<float> gradient = push_gradient(bench.decoder(unit.model), texts);
  ScreenBlockRow row;
  row.model = unit.model;
  row.task = unit.task;
  row.item = unit.items.front();
  row.metric = kPushGradientMetric;
  row.n = static_cast<std::int64_t>(gradient.size());
  for (const PushText& text : texts) {
    row.n_tokens += static_cast<std::int64_t>(text.text.tokens.size()) - text.text.prompt_length;
  }
  row.effects = std::move(gradient);
  UnitRows rows;
  rows.add(std::move(row));
  return rows;
}

}  // namespace

std::unique_ptr<Experiment> make_gradient(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<GradientExperiment>(spec, study);
}

}  // namespace neurosweep
