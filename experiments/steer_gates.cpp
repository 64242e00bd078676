#include "experiments/steer_gates.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "experiments/predict.hpp"
#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

PredictSpec predict_keys(const StudySpec& study, const std::string& name) {
  const auto spec = std::ranges::find(study.experiments, name, &ExperimentSpec::name);
  ensure(spec != study.experiments.end(), "a gate names an experiment of the study");
  PredictSpec keys;
  read_keys(spec->table, fmt::format("experiment '{}'", name), keys);
  keys.models = choose_names(keys.models, study.model_names(), "model", spec->table.place);
  keys.tasks = choose_names(keys.tasks, study.task_names(), "task", spec->table.place);
  return keys;
}

}  // namespace

void check_gate(const Catalog& catalog, const SteerKeys& keys, const SteerVariant& variant) {
  if (variant.gate.empty()) return;
  const std::string where = fmt::format("experiment '{}': variant '{}'", keys.name, variant.name);
  PredictSpec predict = predict_keys(catalog.study(), variant.gate);
  need_measured(predict.models, keys.models, "model", variant.gate, where);
  need_measured(predict.tasks, keys.tasks, "task", variant.gate, where);
  for (const char* stage : {kValidateStage, kTestStage}) {
    for (const std::string& task : keys.tasks) {
      std::set<std::string> predicted;
      for (const TaskItem& item : predict.chosen(catalog, task, stage)) predicted.insert(item.id);
      const auto steered = keys.chosen(catalog, task, stage);
      const auto missing =
          std::ranges::count_if(steered, [&](const TaskItem& item) { return !predicted.contains(item.id); });
      if (missing == 0) continue;
      throw input_error(
          "{}: its gate '{}' predicts {} items of split '{}' of task '{}', and {} are steered: set items = 0 in '{}', "
          "or "
          "{}_items = {} here",
          where, variant.gate, predicted.size(), stage, task, steered.size(), variant.gate, stage, predict.items);
    }
  }
}

std::optional<std::vector<SteerGateRow>> plan_gates(const Database& db, const SteerVariant& variant,
                                                    const std::string& model, const std::string& task,
                                                    const std::vector<TaskItem>& items) {
  std::vector<SteerGateRow> gates;
  if (variant.gate.empty()) return gates;
  std::map<std::string, double> p_fail;
  for (const auto& row : db.select<FailurePredictionRow>("WHERE experiment = ? AND model = ? AND task = ?",
                                                         {variant.gate, model, task})) {
    p_fail.emplace(row.item, row.p_fail);
  }
  for (const TaskItem& item : items) {
    const auto found = p_fail.find(item.id);
    if (found == p_fail.end()) return std::nullopt;
    const bool open = found->second >= variant.gate_at;
    gates.push_back({0, model, task, variant.name, item.id, found->second,
                     !open                ? 0.0
                     : variant.difficulty ? found->second
                                          : 1.0});
  }
  return gates;
}

}  // namespace neurosweep
