#include "experiments/compare.hpp"

#include <set>

#include "experiments/identify.hpp"
#include "framework/base/error.hpp"
#include "framework/rank/compare_methods.hpp"

namespace neurosweep {

namespace {

/// The earlier experiment of that name, whatever its kind.
const ExperimentSpec& find_method(const StudySpec& study, const ExperimentSpec& of, const std::string& name) {
  std::vector<std::string> kinds;
  for (const ExperimentSpec& experiment : study.experiments) {
    if (experiment.kind != "trace" && experiment.kind != of.kind) kinds.push_back(experiment.kind);
  }
  return earlier_experiment(study, of, "of", name, kinds);
}

class CompareExperiment final : public Experiment {
 public:
  CompareExperiment(const ExperimentSpec& spec, const StudySpec& study) {
    read_keys(spec.table, fmt::format("experiment '{}'", spec.name), keys_);
    keys_.name = spec.name;
    keys_.models = choose_names(keys_.models, study.model_names(), "model", spec.table.place);
    keys_.tasks = choose_names(keys_.tasks, study.task_names(), "task", spec.table.place);
    const std::set<std::string> distinct(keys_.of.begin(), keys_.of.end());
    if (distinct.size() < 2 || distinct.size() < keys_.of.size()) {
      throw input_error("{}: experiment '{}': 'of' must name two experiments or more, each once",
                        to_text(spec.table.place), keys_.name);
    }
    for (const std::string& name : keys_.of) {
      const ExperimentSpec& found = find_method(study, spec, name);
      methods_.push_back(found.name == name ? method_of(found, study) : ComparedMethod{name, std::nullopt});
    }
    if (keys_.truth.empty()) return;
    truth_is_race_ = earlier_experiment(study, spec, "truth", keys_.truth, {"sweep", "race"}).kind == "race";
  }

  std::optional<Plan> plan(const Catalog&, std::int64_t, const Database&) const override { return std::nullopt; }

  UnitRows measure(Workbench&, const Plan&, const WorkUnit&) const override {
    throw error(ErrorKind::internal, "experiment '{}' has no units to measure", keys_.name);
  }

  void reduce(const Catalog& catalog, Database& db) const override {
    const auto seed = static_cast<std::uint64_t>(content_seed(catalog.study(), "comparison " + keys_.name));
    compare_methods(db, {keys_.name, methods_, keys_.truth, truth_is_race_, keys_.metric, keys_.models, keys_.tasks,
                         keys_.top, keys_.resamples, seed});
  }

  Forecast forecast(const Catalog&) const override { return {}; }

 private:
  static ComparedMethod method_of(const ExperimentSpec& spec, const StudySpec& study) {
    if (spec.kind != "identify") return {spec.name, std::nullopt};
    const IdentifySpec keys = read_identify(spec, study);
    if (keys.method != kContrastMethod) return {spec.name, std::nullopt};
    return {spec.name, contrast_of(keys)};
  }

  CompareKeys keys_;
  std::vector<ComparedMethod> methods_;
  bool truth_is_race_ = false;
};

}  // namespace

std::unique_ptr<Experiment> make_compare(const ExperimentSpec& spec, const StudySpec& study) {
  return std::make_unique<CompareExperiment>(spec, study);
}

}  // namespace neurosweep
