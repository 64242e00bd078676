#include "framework/rank/constraint_effects.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/proportions.hpp"
#include "framework/rank/resampling.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/rank/steering_effects.hpp"

namespace neurosweep {

namespace {

constexpr double kLevel = 0.95;
constexpr std::pair<const char*, const char*> kComparisons[] = {
    {kConstrainedArm, kBaselineArm},
    {kSteeredArm, kBaselineArm},
    {kSteeredConstrainedArm, kBaselineArm},
    {kSteeredConstrainedArm, kSteeredArm},
};

/// What came of an item under an arm.
struct Answered {
  bool correct = false;
  std::int64_t enforced = 0;  ///< times, over neurons and tokens
};

using ItemKey = std::pair<std::string, std::string>;                    ///< task, item
using ArmAnswers = std::map<std::string, std::map<ItemKey, Answered>>;  ///< by arm

/// Answers of every model.
std::map<std::string, ArmAnswers> read_answers(const Database& db, const std::string& experiment) {
  std::map<std::string, ArmAnswers> models;
  constexpr const char* kOfExperiment = "WHERE round_id IN (SELECT round_id FROM round WHERE experiment = ?)";
  db.for_each<OutcomeRow>(kOfExperiment, {experiment}, [&](OutcomeRow&& row) {
    models[row.model][row.arm][{row.task, row.item}].correct = row.correct != 0;
  });
  db.for_each<EnforcementRow>(kOfExperiment, {experiment}, [&](EnforcementRow&& row) {
    models[row.model][row.arm].at({row.task, row.item}).enforced += row.times;
  });
  return models;
}

/// One comparison, without its names and corrected p; n = 0 where no item was answered under both.
ConstraintEffectRow compare(const ArmAnswers& answers, const std::string& arm, const std::string& against,
                            const std::string& task, std::uint64_t seed) {
  ConstraintEffectRow row;
  row.task = task;
  row.arm = arm;
  row.against = against;
  const auto after = answers.find(arm), before = answers.find(against);
  if (after == answers.end() || before == answers.end()) return row;
  std::vector<PairedAnswer> paired;
  std::vector<double> changes;
  for (const auto& [key, answered] : after->second) {
    const auto other = before->second.find(key);
    if (other == before->second.end() || (task != kAllTasks && key.first != task)) continue;
    paired.push_back({other->second.correct, answered.correct, std::nullopt});
    changes.push_back((answered.correct ? 1.0 : 0.0) - (other->second.correct ? 1.0 : 0.0));
    row.fixed += answered.correct && !other->second.correct ? 1 : 0;
    row.broken += !answered.correct && other->second.correct ? 1 : 0;
    row.n_enforced += answered.enforced > 0 ? 1 : 0;
    row.enforced += answered.enforced;
  }
  if (paired.empty()) return row;
  const SetEffect effect = set_effect_of(paired, seed);
  const auto n = static_cast<double>(effect.n);
  row.n = effect.n;
  row.baseline_accuracy = static_cast<double>(effect.n_baseline_correct) / n;
  row.accuracy = static_cast<double>(effect.n_correct) / n;
  const Interval accuracy = wilson_interval(effect.n_correct, effect.n, kLevel);
  row.accuracy_low = accuracy.low;
  row.accuracy_high = accuracy.high;
  row.change = moments_of(changes).mean;
  row.change_low = row.change_high = row.change;
  if (changes.size() >= 2) {
    const Interval interval = bootstrap_interval(changes, {.level = kLevel, .seed = seed});
    row.change_low = interval.low;
    row.change_high = interval.high;
  }
  row.mcnemar_p = effect.mcnemar_p;
  return row;
}

}  // namespace

void reduce_constraints(Database& db, const std::string& experiment, const std::vector<std::string>& guarded) {
  std::vector<ConstraintEffectRow> rows;
  const auto study_seed = static_cast<std::uint64_t>(db.study().seed);
  const auto is_guarded = [&](const std::string& task) { return std::ranges::find(guarded, task) != guarded.end(); };
  for (const auto& [model, answers] : read_answers(db, experiment)) {
    std::set<std::string> tasks;
    for (const auto& [key, answered] : answers.at(kBaselineArm)) tasks.insert(key.first);
    const bool all_guarded = std::ranges::all_of(tasks, is_guarded);
    tasks.insert(kAllTasks);
    const std::size_t first = rows.size();
    for (const auto& task : tasks) {
      for (const auto& [arm, against] : kComparisons) {
        const auto content = fmt::format("constrain|{}|{}|{}|{}|{}", experiment, model, task, arm, against);
        ConstraintEffectRow row = compare(answers, arm, against, task, derive_seed(study_seed, content));
        if (row.n == 0) continue;
        row.experiment = experiment;
        row.model = model;
        row.guarded = (task == kAllTasks ? all_guarded : is_guarded(task)) ? 1 : 0;
        rows.push_back(std::move(row));
      }
    }
    std::vector<double> p;
    for (std::size_t i = first; i < rows.size(); ++i) p.push_back(rows[i].mcnemar_p);
    const auto adjusted = holm(p);
    for (std::size_t i = first; i < rows.size(); ++i) rows[i].holm_p = adjusted[i - first];
  }
  replace_derived(db, experiment, rows);
}

}  // namespace neurosweep
