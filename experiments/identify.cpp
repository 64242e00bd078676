#include "experiments/identify.hpp"

#include <algorithm>

#include "framework/base/error.hpp"
#include "framework/rank/reduce_probe.hpp"

namespace neurosweep {

namespace {

class IdentifyExperiment final : public Experiment {
 public:
  IdentifyExperiment(const ExperimentSpec& spec, const StudySpec& study) : keys_(read_identify(spec, study)) {}

  std::optional<Plan> plan(const Catalog&, std::int64_t, const Database&) const override { return std::nullopt; }

  UnitRows measure(Workbench&, const Plan&, const WorkUnit&) const override {
    throw error(ErrorKind::internal, "experiment '{}' has no units to measure", keys_.name);
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    const ContrastSpec contrast = contrast_of(keys_);
    const auto seed = [&](const std::string& what) {
      return static_cast<std::uint64_t>(content_seed(catalog.study(), what));
    };
    if (keys_.method == kRandomMethod) {
      reduce_random(db, contrast, seed(fmt::format("random neurons {}", keys_.seed_no)));
    } else if (keys_.method == kProbeMethod) {
      reduce_probe(db, contrast, seed("folds of a probe"));
    } else if (keys_.method == kAttributionMethod) {
      reduce_attribution(db, contrast);
    } else {
      reduce_contrast(db, contrast);
    }
  }

  Forecast forecast(const Catalog&) const override { return {}; }

 private:
  IdentifySpec keys_;
};

}  // namespace

IdentifySpec read_identify(const ExperimentSpec& spec, const StudySpec& study) {
  IdentifySpec keys;
  read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys);
  keys.name = spec.name;
  keys.models = choose_names(keys.models, study.model_names(), "model", spec.table.place);
  keys.tasks = choose_names(keys.tasks, study.task_names(), "task", spec.table.place);
  const std::vector<std::string> methods = {kContrastMethod, kProbeMethod, kAttributionMethod, kRandomMethod};
  if (std::find(methods.begin(), methods.end(), keys.method) == methods.end()) {
    throw input_error("{}: experiment '{}': method '{}' is none of: {}", to_text(spec.table.place), keys.name,
                      keys.method, fmt::join(methods, ", "));
  }
  earlier_experiment(study, spec, "from", keys.from, {keys.method == kAttributionMethod ? "race" : "trace"});
  return keys;
}

ContrastSpec contrast_of(const IdentifySpec& keys) {
  return {keys.name,  keys.from, keys.models,
          keys.tasks, keys.top,  keys.polarity ? Polarity::require_flip : Polarity::any};
}

std::unique_ptr<Experiment> make_identify(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<IdentifyExperiment>(spec, study);
}

}  // namespace neurosweep
