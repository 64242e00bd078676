#include "framework/rank/constraint_effects.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/paired_answers.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/rank/steering_effects.hpp"

namespace neurosweep {

namespace {

constexpr std::pair<const char*, const char*> kComparisons[] = {
    {kConstrainedArm, kBaselineArm},
    {kSteeredArm, kBaselineArm},
    {kSteeredConstrainedArm, kBaselineArm},
    {kSteeredConstrainedArm, kSteeredArm},
};

using Enforced = std::map<std::string, std::map<ItemKey, std::int64_t>>;  ///< times, over neurons and tokens, by arm

/// What was enforced on every model.
std::map<std::string, Enforced> read_enforced(const Database& db, const std::string& experiment) {
  std::map<std::string, Enforced> models;
  db.for_each<EnforcementRow>("WHERE round_id IN (SELECT round_id FROM round WHERE experiment = ?)", {experiment},
                              [&](EnforcementRow&& row) {
                                models[row.model][row.arm][{row.task, row.item}] += row.times;
                              });
  return models;
}

/// The enforcements of an arm on the items of a comparison.
void count_enforced(ConstraintEffectRow& row, const Enforced& enforced, const std::vector<AnsweredTwice>& items) {
  const auto arm = enforced.find(row.arm);
  if (arm == enforced.end()) return;
  for (const AnsweredTwice& item : items) {
    const auto times = arm->second.find(item.item);
    if (times == arm->second.end()) continue;
    row.n_enforced += times->second > 0 ? 1 : 0;
    row.enforced += times->second;
  }
}

}  // namespace

void reduce_constraints(Database& db, const std::string& experiment, const std::vector<std::string>& guarded) {
  std::vector<ConstraintEffectRow> rows;
  const auto study_seed = static_cast<std::uint64_t>(db.study().seed);
  const auto is_guarded = [&](const std::string& task) { return std::ranges::find(guarded, task) != guarded.end(); };
  auto enforced = read_enforced(db, experiment);
  for (const auto& [model, answers] : read_arm_answers(db, experiment)) {
    std::set<std::string> tasks;
    for (const auto& [item, correct] : answers.at(kBaselineArm)) tasks.insert(item.first);
    const bool all_guarded = std::ranges::all_of(tasks, is_guarded);
    tasks.insert(kAllTasks);
    const std::size_t first = rows.size();
    for (const auto& task : tasks) {
      for (const auto& [arm, against] : kComparisons) {
        const auto items = pair_answers(answers, against, arm, task);
        if (items.empty()) continue;
        const auto content = fmt::format("constrain|{}|{}|{}|{}|{}", experiment, model, task, arm, against);
        ConstraintEffectRow row{experiment, model, task, arm, against};
        set_change(row, paired_change_of(items, derive_seed(study_seed, content)));
        count_enforced(row, enforced[model], items);
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
