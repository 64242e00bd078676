#include "experiments/identify.hpp"

#include <algorithm>

#include "framework/base/error.hpp"
#include "framework/rank/scores.hpp"

namespace neurosweep {

namespace {

class IdentifyExperiment final : public Experiment {
 public:
  IdentifyExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.models = choose_names(keys_.models, study.model_names(), "model", spec.table.place);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    earlier_experiment(study, spec, "from", keys_.from, {"trace"});
    check_method(spec);
  }

  std::optional<Plan> plan(const Catalog&, std::int64_t, const Database&) const override { return std::nullopt; }

  UnitRows measure(Workbench&, const Plan&, const WorkUnit&) const override {
    throw error(ErrorKind::internal, "experiment '{}' has no units to measure", keys_.name);
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    const ContrastSpec contrast{keys_.name,  keys_.from, keys_.models,
                                keys_.tasks, keys_.top,  keys_.polarity ? Polarity::require_flip : Polarity::any};
    if (keys_.method == "random") {
      const auto seed = content_seed(catalog.study(), fmt::format("random neurons {}", keys_.seed_no));
      reduce_random(db, contrast, static_cast<std::uint64_t>(seed));
    } else {
      reduce_contrast(db, contrast);
    }
  }

  Forecast forecast(const Catalog&) const override { return {}; }

 private:
  void check_method(const ExperimentSpec& spec) const {
    const std::vector<std::string> methods = {"contrast", "random"};
    if (std::find(methods.begin(), methods.end(), keys_.method) != methods.end()) return;
    throw input_error("{}: experiment '{}': method '{}' is none of: {}", to_text(spec.table.place), keys_.name,
                      keys_.method, fmt::join(methods, ", "));
  }

  IdentifySpec keys_;
};

}  // namespace

std::unique_ptr<Experiment> make_identify(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<IdentifyExperiment>(spec, study);
}

}  // namespace neurosweep
