#include "experiments/learn.hpp"

#include <algorithm>
#include <cmath>

#include "experiments/neuron_choice.hpp"
#include "experiments/planned_edits.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/measure/push.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/directions.hpp"

namespace neurosweep {

namespace {

constexpr const char* kMetric = "learned_push";
constexpr const char* kSetName = "learned";

class LearnExperiment final : public Experiment {
 public:
  LearnExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
    earlier_experiment(study, spec, "from", keys_.from, {"identify", "gradient", "sweep", "race", "minimize"});
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.selection.models) {
      for (const auto& task : keys_.pooled ? std::vector<std::string>{kAllTasks} : keys_.selection.tasks) {
        const auto neurons = best_neurons(so_far, keys_.from, model, {task}, keys_.top);
        if (neurons.empty()) {
          log_warning("{}: '{}' found no neuron for model '{}', task '{}': nothing to learn there", keys_.name,
                      keys_.from, model, task);
          continue;
        }
        for (const NeuronId& id : neurons) {
          plan.members.push_back(
              {0, kSetName, model, task, to_int(id.layer), to_int(id.neuron), "add", 0, "generated"});
        }
        plan.units.push_back({model, task, items_of(catalog, task)});
      }
    }
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    const Catalog& catalog = bench.catalog();
    const ModelEntry& model = catalog.model(unit.model);
    std::vector<PushText> texts;
    std::int64_t n_tokens = 0;
    for (const std::string& task : tasks_of(unit.task)) {
      for (const TaskItem& item : keys_.selection.chosen(catalog, task)) {
        texts.push_back({catalog.reference(model, catalog.task(task), item), 1});
        n_tokens += static_cast<std::int64_t>(texts.back().text.tokens.size()) - texts.back().text.prompt_length;
      }
    }
    std::vector<NeuronId> neurons;
    for (const SetMemberRow& row : plan.members) {
      if (row.model == unit.model && row.task == unit.task) neurons.push_back(edit_of(row).neuron);
    }
    const auto seed = content_seed(catalog.study(), fmt::format("{}|{}|{}", keys_.name, unit.model, unit.task));
    const LearnedPush learned =
        learn_push(bench.decoder(unit.model), texts, neurons,
                   {keys_.steps, keys_.batch, keys_.rate, keys_.max_norm, static_cast<std::uint64_t>(seed)});
    log_info("{}: {} neurons of model '{}', task '{}': mean log p of the targets {:.4f} -> {:.4f}", keys_.name,
             neurons.size(), unit.model, unit.task, -learned.loss_before, -learned.loss_after);
    ScreenBlockRow row;
    row.model = unit.model;
    row.task = unit.task;
    row.item = kAllItems;
    row.metric = kMetric;
    row.steps = keys_.steps;
    row.n = model.arch.L * model.arch.M;
    row.n_tokens = n_tokens;
    row.baseline = -learned.loss_before;
    row.effects.assign(static_cast<std::size_t>(row.n), 0);
    for (std::size_t k = 0; k < neurons.size(); ++k) {
      row.effects[static_cast<std::size_t>(flat_index(neurons[k], model.arch.M))] = learned.push[k];
    }
    UnitRows rows;
    rows.add(std::move(row));
    return rows;
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    std::vector<NeuronDirection> directions;
    db.for_each<ScreenBlockRow>(
        "WHERE metric = ? AND round_id IN (SELECT round_id FROM round WHERE experiment = ?) ORDER BY round_id, unit, "
        "seq",
        {std::string(kMetric), keys_.name}, [&](ScreenBlockRow&& row) {
          NeuronDirection direction{row.model, row.task, {}};
          for (std::size_t i = 0; i < row.effects.size(); ++i) {
            if (row.effects[i] == 0) continue;
            direction.neurons.push_back({neuron_at(static_cast<std::int64_t>(i), catalog.model(row.model).arch.M),
                                         row.effects[i], row.effects[i]});
          }
          std::stable_sort(
              direction.neurons.begin(), direction.neurons.end(),
              [](const PushedNeuron& a, const PushedNeuron& b) { return std::abs(a.score) > std::abs(b.score); });
          directions.push_back(std::move(direction));
        });
    write_directions(db, keys_.name, "learned", directions);
  }

  Forecast forecast(const Catalog& catalog) const override {
    Forecast forecast;
    for (const auto& name : keys_.selection.models) {
      const ModelEntry& model = catalog.model(name);
      auto& work = forecast.by_model[name];
      for (const auto& unit : keys_.pooled ? std::vector<std::string>{kAllTasks} : keys_.selection.tasks) {
        double tokens = 0, texts = 0;
        for (const auto& task : tasks_of(unit)) {
          for (const TaskItem& item : keys_.selection.chosen(catalog, task)) {
            const auto text = catalog.reference(model, catalog.task(task), item);
            tokens += static_cast<double>(text.tokens.size());
            texts += 1;
            work.add_example(text);
          }
        }
        const double passes =
            static_cast<double>(keys_.steps) * std::min(texts, static_cast<double>(keys_.batch)) + 2 * texts;
        work.units += 1;
        work.forwards += static_cast<std::int64_t>(2 * passes);
        work.forward_tokens += 2 * passes * tokens / texts;
        forecast.result_bytes += static_cast<double>(4 * model.arch.L * model.arch.M);
      }
    }
    return forecast;
  }

 private:
  static constexpr const char* kAllItems = "*";

  std::vector<std::string> tasks_of(const std::string& task) const {
    return task == kAllTasks ? keys_.selection.tasks : std::vector<std::string>{task};
  }

  std::vector<std::string> items_of(const Catalog& catalog, const std::string& unit) const {
    std::vector<std::string> items;
    for (const auto& task : tasks_of(unit)) {
      for (const TaskItem& item : keys_.selection.chosen(catalog, task)) items.push_back(item.id);
    }
    return items;
  }

  LearnKeys keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_learn(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<LearnExperiment>(spec, study);
}

}  // namespace neurosweep
