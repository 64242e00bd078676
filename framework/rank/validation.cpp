#include "framework/rank/validation.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/set_effects.hpp"
#include "framework/rank/steering_effects.hpp"

namespace neurosweep {
namespace {

using Answers = std::map<std::string, bool>;                          ///< by item
using Arms = std::map<std::string, Answers>;                          ///< of a model and task
using Outcomes = std::map<std::string, std::map<std::string, Arms>>;  ///< by model and task

Outcomes read_outcomes(const Database& db, const std::string& experiment) {
  Outcomes outcomes;
  db.for_each<OutcomeRow>(
      "WHERE round_id IN (SELECT round_id FROM round WHERE experiment = ?)", {experiment},
      [&](OutcomeRow&& row) { outcomes[row.model][row.task][row.arm][row.item] = row.correct != 0; });
  return outcomes;
}

/// Neurons of each set of a model.
std::map<std::string, std::int64_t> set_sizes(const Database& db, const std::string& experiment,
                                              const std::string& model) {
  std::map<std::string, std::set<std::pair<std::int64_t, std::int64_t>>> members;
  db.for_each<SetMemberRow>("WHERE model = ? AND round_id IN (SELECT round_id FROM round WHERE experiment = ?)",
                            {model, experiment},
                            [&](SetMemberRow&& row) { members[row.set_name].emplace(row.layer, row.neuron); });
  std::map<std::string, std::int64_t> sizes;
  for (const auto& [name, neurons] : members) sizes[name] = static_cast<std::int64_t>(neurons.size());
  return sizes;
}

double accuracy_of(const Answers& answers) {
  const auto right = std::count_if(answers.begin(), answers.end(), [](const auto& each) { return each.second; });
  return static_cast<double>(right) / static_cast<double>(answers.size());
}

ValidationEffectRow effect_row(const Arms& arms, const std::string& set_task, std::uint64_t seed) {
  const Answers& critical = arms.at(validation_arm(set_task));
  std::vector<const Answers*> random_sets;
  for (std::int64_t i = 0; arms.count(validation_arm(set_task, i)) != 0; ++i) {
    random_sets.push_back(&arms.at(validation_arm(set_task, i)));
  }
  const SetContrast contrast = set_contrast_of(contrast_items(critical, random_sets, std::identity()), seed);
  ValidationEffectRow row;
  row.set_task = set_task;
  row.n = contrast.n;
  row.n_random_sets = static_cast<std::int64_t>(random_sets.size());
  row.baseline_accuracy = accuracy_of(arms.at(kBaselineArm));
  row.accuracy = contrast.critical_accuracy;
  row.random_accuracy = contrast.random_accuracy;
  row.difference = contrast.difference;
  if (contrast.interval) {
    row.ci_low = contrast.interval->low;
    row.ci_high = contrast.interval->high;
  }
  row.p = contrast.p;
  return row;
}

/// Holm's correction over the rows of one model.
void correct(std::vector<ValidationEffectRow>& rows) {
  std::vector<double> p;
  for (const auto& row : rows) p.push_back(row.p);
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].holm_p = adjusted[i];
    rows[i].hurts = rows[i].difference < 0 && adjusted[i] < kValidationAlpha ? 1 : 0;
  }
}

ValidationClassRow class_row(const std::vector<ValidationEffectRow>& rows, const std::string& set_task) {
  ValidationClassRow result;
  result.set_task = set_task;
  bool own = false;
  for (const auto& row : rows) {
    if (row.set_task != set_task) continue;
    result.n_tasks += 1;
    if (row.hurts == 0) continue;
    result.n_hurt += 1;
    if (!result.hurts.empty()) result.hurts += ',';
    result.hurts += row.task;
    own = own || row.task == set_task;
  }
  result.class_name = result.n_hurt == 0                ? "none"
                      : result.n_hurt == result.n_tasks ? "general"
                      : own && result.n_hurt == 1       ? "specific"
                                                        : "partial";
  return result;
}

}  // namespace

std::string validation_arm(const std::string& set_task) {
  return fmt::format("set:{}", set_task);
}

std::string validation_arm(const std::string& set_task, std::int64_t random_set) {
  return fmt::format("random-{:02}:{}", random_set, set_task);
}

void reduce_validation(Database& db, const std::string& experiment) {
  const auto study_seed = static_cast<std::uint64_t>(db.study().seed);
  std::vector<ValidationEffectRow> effects;
  std::vector<ValidationClassRow> classes;
  for (const auto& [model, tasks] : read_outcomes(db, experiment)) {
    const auto sizes = set_sizes(db, experiment, model);
    std::vector<ValidationEffectRow> rows;
    std::vector<std::string> set_tasks;
    for (const auto& [name, size] : sizes) {
      if (name.starts_with("set:")) set_tasks.push_back(name.substr(4));
    }
    for (const auto& [task, arms] : tasks) {
      for (const auto& set_task : set_tasks) {
        if (arms.count(validation_arm(set_task)) == 0) continue;
        rows.push_back(effect_row(
            arms, set_task, derive_seed(study_seed, fmt::format("{}\n{}\n{}\n{}", experiment, model, set_task, task))));
        rows.back().experiment = experiment;
        rows.back().model = model;
        rows.back().task = task;
      }
    }
    correct(rows);
    for (const auto& set_task : set_tasks) {
      classes.push_back(class_row(rows, set_task));
      classes.back().experiment = experiment;
      classes.back().model = model;
      classes.back().n_neurons = sizes.at(validation_arm(set_task));
    }
    effects.insert(effects.end(), rows.begin(), rows.end());
  }
  replace_derived(db, experiment, effects);
  replace_derived(db, experiment, classes);
}

}  // namespace neurosweep
