#include "experiments/template.hpp"

#include "framework/base/error.hpp"
#include "framework/rank/templates.hpp"

namespace neurosweep {

namespace {

class TemplateExperiment final : public Experiment {
 public:
  TemplateExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.models = choose_names(keys_.models, study.model_names(), "model", spec.table.place);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    earlier_experiment(study, spec, "from", keys_.from, {"trace"});
    earlier_experiment(study, spec, "neurons", keys_.neurons,
                       {"identify", "gradient", "learn", "sweep", "race", "minimize"});
  }

  std::optional<Plan> plan(const Catalog&, std::int64_t, const Database&) const override { return std::nullopt; }

  UnitRows measure(Workbench&, const Plan&, const WorkUnit&) const override {
    throw error(ErrorKind::internal, "experiment '{}' has no units to measure", keys_.name);
  }

  void reduce(const Catalog&, Database& db) const override {
    make_templates(db, {keys_.name, keys_.from, keys_.neurons, keys_.models, keys_.tasks, keys_.top});
  }

  Forecast forecast(const Catalog&) const override { return {}; }

 private:
  TemplateKeys keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_template(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<TemplateExperiment>(spec, study);
}

}  // namespace neurosweep
