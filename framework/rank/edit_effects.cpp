#include "framework/rank/edit_effects.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/paired_answers.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/rank/steering_effects.hpp"

namespace neurosweep {

namespace {

/// Items answered under an edit and under all of its controls.
std::vector<ContrastItem> contrast_with_controls(const ArmAnswers& answers, const std::vector<AnsweredTwice>& items,
                                                 const std::string& arm, std::int64_t n_controls) {
  std::map<ItemKey, bool> edited;
  for (const AnsweredTwice& item : items) edited[item.item] = item.after;
  std::vector<const std::map<ItemKey, bool>*> controls;
  for (std::int64_t i = 0; i < n_controls; ++i) {
    const auto control = answers.find(random_arm(arm, i));
    if (control == answers.end()) return {};
    controls.push_back(&control->second);
  }
  return contrast_items(edited, controls, std::identity());
}

void set_contrast(EditEffectRow& row, const SetContrast& contrast, std::int64_t random_sets) {
  row.n_random_sets = random_sets;
  row.random_accuracy = contrast.random_accuracy;
  row.difference = contrast.difference;
  if (contrast.interval) {
    row.difference_low = contrast.interval->low;
    row.difference_high = contrast.interval->high;
  }
  row.random_p = contrast.p;
}

/// Corrects both p values over all rows.
void correct(std::vector<EditEffectRow>& rows) {
  std::vector<double> changes, contrasts;
  for (const EditEffectRow& row : rows) {
    changes.push_back(row.mcnemar_p);
    if (row.random_p) contrasts.push_back(*row.random_p);
  }
  changes = holm(changes);
  contrasts = holm(contrasts);
  auto contrast = contrasts.begin();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].holm_p = changes[i];
    if (rows[i].random_p) rows[i].random_holm_p = *contrast++;
  }
}

/// The row of an edit without its names and corrected p values.
EditEffectRow effect_of(const ArmAnswers& answers, const std::vector<AnsweredTwice>& items, const std::string& arm,
                        const EditDesign& design, std::uint64_t seed) {
  EditEffectRow row;
  const PairedChange change = paired_change_of(items, seed);
  set_change(row, change);
  row.max_drop = design.max_drop;
  row.guard = std::ranges::find(design.guards, items.front().item.first) != design.guards.end() ? 1 : 0;
  if (row.guard != 0) row.passed = keeps_within(change, design.max_drop) ? 1 : 0;
  if (design.random_sets == 0) return row;
  const auto contrasts = contrast_with_controls(answers, items, arm, design.random_sets);
  if (!contrasts.empty()) set_contrast(row, set_contrast_of(contrasts, seed), design.random_sets);
  return row;
}

}  // namespace

std::string random_arm(const std::string& arm, std::int64_t n) {
  return fmt::format("{} {}", arm, random_set_name(n));
}

void reduce_edits(Database& db, const std::string& experiment, const EditDesign& design) {
  std::vector<EditEffectRow> rows;
  const auto study_seed = static_cast<std::uint64_t>(db.study().seed);
  for (const auto& [model, answers] : read_arm_answers(db, experiment)) {
    std::set<std::string> tasks;
    for (const auto& [item, correct] : answers.at(kBaselineArm)) tasks.insert(item.first);
    for (const auto& task : tasks) {
      for (const EditArm& edit : design.arms) {
        const auto items = pair_answers(answers, kBaselineArm, edit.arm, task);
        if (items.empty()) continue;
        const auto seed = derive_seed(study_seed, fmt::format("edit|{}|{}|{}|{}", experiment, model, task, edit.arm));
        EditEffectRow row = effect_of(answers, items, edit.arm, design, seed);
        row.experiment = experiment;
        row.model = model;
        row.task = task;
        row.arm = edit.arm;
        row.source_task = edit.source_task;
        row.op = edit.op;
        row.amount = edit.amount;
        rows.push_back(std::move(row));
      }
    }
  }
  correct(rows);
  replace_derived(db, experiment, rows);
}

}  // namespace neurosweep
