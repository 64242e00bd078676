#include "experiments/validate.hpp"

#include "experiments/set_arms.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/matched_sets.hpp"
#include "framework/rank/validation.hpp"

namespace neurosweep {

namespace {

class ValidateExperiment final : public Experiment {
 public:
  ValidateExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.selection.resolve(study, spec.table.place);
    keys_.intervention.check(study, spec);
    earlier_experiment(study, spec, "from", keys_.from, {"sweep", "identify", "minimize", "race"});
    check_sets_unseen(study, spec, keys_.selection.split, keys_.from, keys_.intervention);
  }

  std::optional<Plan> plan(const Catalog& catalog, std::int64_t round_no, const Database& so_far) const override {
    if (round_no > 0) return std::nullopt;
    Plan plan{keys_.name, keys_.kind, round_no, {}, {}, {}};
    for (const auto& model : keys_.selection.models) {
      if (!add_sets(plan, catalog, model, so_far)) {
        log_warning("{}: '{}' found no critical neuron for model '{}': nothing to suppress there", keys_.name,
                    keys_.from, model);
        continue;
      }
      for (const auto& task : keys_.selection.tasks) {
        for (auto& items : item_blocks(keys_.selection.chosen(catalog, task), keys_.items_per_unit)) {
          plan.units.push_back({model, task, std::move(items)});
        }
      }
    }
    return plan;
  }

  UnitRows measure(Workbench& bench, const Plan& plan, const WorkUnit& unit) const override {
    return measure_set_arms(bench, plan, unit, {keys_.max_new_tokens, keys_.slots});
  }

  void reduce(const Catalog&, Database& db) const override { reduce_validation(db, keys_.name); }

  Forecast forecast(const Catalog& catalog) const override {
    const auto sets = static_cast<std::int64_t>(keys_.selection.tasks.size()) + 1;
    const std::int64_t n_arms = 1 + sets * (1 + keys_.random_sets);
    return forecast_set_arms(catalog, keys_.selection, keys_.items_per_unit, n_arms,
                             {keys_.max_new_tokens, keys_.slots});
  }

 private:
  /// Adds every set of a model and its random sets for the items of every task; false when there is no set.
  bool add_sets(Plan& plan, const Catalog& catalog, const std::string& model, const Database& so_far) const {
    const std::int64_t M = catalog.model(model).arch.M;
    const auto values = keys_.intervention.values(so_far, model);
    std::vector<std::string> set_tasks = keys_.selection.tasks;
    set_tasks.emplace_back(kAllTasks);
    bool any = false;
    for (const auto& set_task : set_tasks) {
      const auto neurons = best_neurons(so_far, keys_.from, model, {set_task}, keys_.top);
      if (neurons.empty()) continue;
      any = true;
      const auto seed = content_seed(catalog.study(), fmt::format("{}|{}|{}", keys_.name, model, set_task));
      const auto random = make_matched_sets(neurons, M, keys_.random_sets, static_cast<std::uint64_t>(seed));
      for (const auto& task : keys_.selection.tasks) {
        add_set(plan, validation_arm(set_task), model, task, neurons, keys_.intervention, values, M);
        for (std::size_t i = 0; i < random.size(); ++i) {
          add_set(plan, validation_arm(set_task, static_cast<std::int64_t>(i)), model, task, random[i],
                  keys_.intervention, values, M);
        }
      }
    }
    return any;
  }

  ValidateSpec keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_validate(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<ValidateExperiment>(spec, study);
}

}  // namespace neurosweep
