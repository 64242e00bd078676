#include <map>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/proportions.hpp"
#include "framework/rank/set_effects.hpp"

namespace neurosweep {
namespace {

struct Answer {
  bool correct = false;
  std::optional<double> logprob;
};

using ItemKey = std::pair<std::string, std::string>;  // task, item
using Answers = std::map<ItemKey, Answer>;
using Arms = std::map<std::string, Answers>;  // of one model and task, or pool

/// Outcomes of an experiment by model, then task; kAllTasks holds those of all tasks.
std::map<std::string, std::map<std::string, Arms>> read_outcomes(const Database& db, const std::string& experiment) {
  std::map<std::string, std::map<std::string, Arms>> models;
  const char* tail = "WHERE round_id IN (SELECT round_id FROM round WHERE experiment = ?) ORDER BY round_id, unit, seq";
  db.for_each<OutcomeRow>(tail, {experiment}, [&](OutcomeRow&& row) {
    const Answer answer{row.correct != 0, row.logprob};
    const bool added = models[row.model][row.task][row.arm].emplace(ItemKey{row.task, row.item}, answer).second;
    if (!added) {
      throw error(ErrorKind::store,
                  "{}: experiment '{}' answered item '{}' of task '{}' twice under arm '{}' (unit {})", db.path(),
                  experiment, row.item, row.task, row.arm, row.unit);
    }
    models[row.model][kAllTasks][row.arm].emplace(ItemKey{row.task, row.item}, answer);
  });
  if (models.empty()) throw input_error("{}: experiment '{}' has no outcomes: run it first", db.path(), experiment);
  return models;
}

std::vector<PairedAnswer> pair_with_baseline(const Answers& baseline, const Answers& answers) {
  std::vector<PairedAnswer> items;
  for (const auto& [key, answer] : answers) {
    const auto untouched = baseline.find(key);
    if (untouched == baseline.end()) continue;
    PairedAnswer item{untouched->second.correct, answer.correct, std::nullopt};
    if (answer.logprob && untouched->second.logprob) item.logprob_change = *answer.logprob - *untouched->second.logprob;
    items.push_back(item);
  }
  return items;
}

class SetReducer {
 public:
  SetReducer(Database& db, const std::string& experiment)
      : db_(db), experiment_(experiment), seed_(static_cast<std::uint64_t>(db.study().seed)) {}

  std::vector<std::string> reduce() {
    for (const auto& [model, tasks] : read_outcomes(db_, experiment_)) {
      for (const auto& [task, arms] : tasks) {
        add_effects(model, task, arms);
        add_contrast(model, task, arms);
      }
    }
    replace_derived(db_, experiment_, effects_);
    replace_derived(db_, experiment_, contrasts_);
    return problems_;
  }

 private:
  std::uint64_t seed_of(const std::string& model, const std::string& task, const std::string& set) const {
    return derive_seed(seed_, fmt::format("{}\n{}\n{}\n{}", experiment_, model, task, set));
  }

  void note(const std::string& model, const std::string& task, const char* lacks) {
    problems_.push_back(fmt::format("sets '{}': model '{}' task '{}' {}", experiment_, model, task, lacks));
    log_warning("{}", problems_.back());
  }

  void add_effects(const std::string& model, const std::string& task, const Arms& arms) {
    const auto baseline = arms.find(kBaselineArm);
    if (baseline == arms.end()) return note(model, task, "has no baseline answers: no change can be told");
    for (const auto& [set, answers] : arms) {
      const std::vector<PairedAnswer> items = pair_with_baseline(baseline->second, answers);
      if (items.empty()) {
        note(model, task, fmt::format("has no item answered both untouched and under '{}'", set).c_str());
        continue;
      }
      const SetEffect effect = set_effect_of(items, seed_of(model, task, set));
      effects_.push_back(make_row(model, task, set, effect));
    }
  }

  SetEffectRow make_row(const std::string& model, const std::string& task, const std::string& set,
                        const SetEffect& effect) const {
    const double n = static_cast<double>(effect.n);
    const Interval accuracy = wilson_interval(effect.n_correct, effect.n, 0.95);
    SetEffectRow row;
    row.experiment = experiment_;
    row.model = model;
    row.task = task;
    row.set_name = set;
    row.n = effect.n;
    row.accuracy = static_cast<double>(effect.n_correct) / n;
    row.accuracy_low = accuracy.low;
    row.accuracy_high = accuracy.high;
    row.baseline_accuracy = static_cast<double>(effect.n_baseline_correct) / n;
    row.accuracy_change = static_cast<double>(effect.n_correct - effect.n_baseline_correct) / n;
    if (set == kBaselineArm) return row;
    row.mcnemar_p = effect.mcnemar_p;
    row.logprob_change = effect.logprob_change;
    if (effect.logprob_interval) {
      row.logprob_low = effect.logprob_interval->low;
      row.logprob_high = effect.logprob_interval->high;
    }
    row.wilcoxon_p = effect.wilcoxon_p;
    return row;
  }

  void add_contrast(const std::string& model, const std::string& task, const Arms& arms) {
    const auto critical = arms.find(kCriticalSet);
    std::vector<const Answers*> random_sets;
    for (const auto& [set, answers] : arms) {
      if (set.starts_with(kRandomSetPrefix)) random_sets.push_back(&answers);
    }
    if (critical == arms.end()) return note(model, task, "has no answers under the critical set");
    if (random_sets.empty()) return note(model, task, "has no answers under random sets: nothing to compare with");
    const std::vector<ContrastItem> items =
        contrast_items(critical->second, random_sets, [](const Answer& answer) { return answer.correct; });
    if (items.empty()) return note(model, task, "has no item answered under the critical and every random set");
    const SetContrast contrast = set_contrast_of(items, seed_of(model, task, "contrast"));
    contrasts_.push_back({experiment_, model, task, contrast.n, contrast.critical_accuracy, contrast.random_accuracy,
                          contrast.difference, std::nullopt, std::nullopt, contrast.p,
                          static_cast<std::int64_t>(random_sets.size())});
    if (contrast.interval) {
      contrasts_.back().ci_low = contrast.interval->low;
      contrasts_.back().ci_high = contrast.interval->high;
    }
  }

  Database& db_;
  const std::string& experiment_;
  std::uint64_t seed_;
  std::vector<SetEffectRow> effects_;
  std::vector<SetContrastRow> contrasts_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> reduce_set_effects(Database& db, const std::string& experiment) {
  return SetReducer(db, experiment).reduce();
}

}  // namespace neurosweep
