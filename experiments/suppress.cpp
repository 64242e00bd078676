#include "experiments/suppress.hpp"

#include "experiments/set_arms.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/matched_sets.hpp"
#include "framework/rank/set_effects.hpp"

namespace neurosweep {

namespace {

class SuppressExperiment final : public Experiment {
 public:
  SuppressExperiment(const ExperimentSpec& spec, const StudySpec& study) {
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
    return measure_set_arms(bench, plan, unit, {keys_.max_new_tokens, keys_.slots});
  }

  void reduce(const Catalog&, Database& db) const override {
    if (!db.select<OutcomeRow>("WHERE round_id IN (SELECT round_id FROM round WHERE experiment = ?) LIMIT 1",
                               {keys_.name})
             .empty()) {
      reduce_set_effects(db, keys_.name);
    }
  }

  Forecast forecast(const Catalog& catalog) const override {
    return forecast_set_arms(catalog, keys_.selection, keys_.items_per_unit, n_arms(),
                             {keys_.max_new_tokens, keys_.slots});
  }

 private:
  /// The baseline, the critical set and the random sets.
  std::int64_t n_arms() const { return keys_.random_sets + 2; }

  void add_sets(Plan& plan, const Catalog& catalog, const std::string& model, const std::string& task,
                const std::vector<NeuronId>& critical, const Database& so_far) const {
    const ArchSpec& arch = catalog.model(model).arch;
    const auto values = keys_.intervention.values(so_far, model);
    const auto add = [&](const std::string& set_name, const std::vector<NeuronId>& neurons) {
      add_set(plan, set_name, model, task, neurons, keys_.intervention, values, arch.M);
    };
    add(kCriticalSet, critical);
    const auto seed = content_seed(catalog.study(), fmt::format("{}|{}", keys_.name, model));
    const auto random = make_matched_sets(critical, arch.M, keys_.random_sets, static_cast<std::uint64_t>(seed));
    for (std::size_t i = 0; i < random.size(); ++i) add(random_set_name(static_cast<std::int64_t>(i)), random[i]);
  }

  SuppressSpec keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_suppress(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<SuppressExperiment>(spec, study);
}

}  // namespace neurosweep
