#include "experiments/selection.hpp"

#include <algorithm>
#include <optional>

#include "experiments/transfer.hpp"
#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"

namespace neurosweep {

void Selection::resolve(const StudySpec& study, const SourcePlace& place) {
  models = choose_names(models, study.model_names(), "model", place);
  tasks = choose_names(tasks, study.task_names(), "task", place);
  try {
    parse_split(split);
  } catch (const Error& failure) {
    throw input_error("{}: {}", to_text(place), failure.what());
  }
}

std::vector<TaskItem> Selection::chosen(const Catalog& catalog, const std::string& task) const {
  const TaskEntry& entry = catalog.task(task);
  auto pool = select_split(entry.items, parse_split(split));
  if (pool.empty()) throw input_error("{}: task '{}' has no item in split '{}'", entry.spec.file, task, split);
  const auto wanted = items == 0 ? static_cast<std::int64_t>(pool.size()) : items;
  return take(pool, wanted, static_cast<std::uint64_t>(catalog.study().settings.seed));
}

std::vector<std::vector<std::string>> item_blocks(const std::vector<TaskItem>& items, std::int64_t size) {
  std::vector<std::vector<std::string>> blocks;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i % static_cast<std::size_t>(size) == 0) blocks.emplace_back();
    blocks.back().push_back(items[i].id);
  }
  return blocks;
}

std::int64_t content_seed(const StudySpec& study, const std::string& content) {
  const std::uint64_t seed = derive_seed(static_cast<std::uint64_t>(study.settings.seed), content);
  return static_cast<std::int64_t>(seed >> 1);
}

const ExperimentSpec& earlier_experiment(const StudySpec& study, const ExperimentSpec& of, const char* key,
                                         const std::string& name, const std::vector<std::string>& kinds) {
  std::vector<std::string> usable;
  std::optional<std::string> makes;
  for (const auto& experiment : study.experiments) {
    if (experiment.name == of.name) break;
    if (const auto source = source_of_product(experiment, name)) {
      return earlier_experiment(study, experiment, key, *source, kinds);
    }
    if (const auto others = what_it_makes(experiment, name)) makes = others;
    if (std::find(kinds.begin(), kinds.end(), experiment.kind) == kinds.end()) continue;
    if (experiment.name == name) return experiment;
    usable.push_back(experiment.name);
  }
  if (makes) {
    throw input_error("{}: '{}' of experiment '{}' is '{}', but {}", to_text(of.table.place), key, of.name, name,
                      *makes);
  }
  throw input_error("{}: '{}' of experiment '{}' is '{}', which is no earlier experiment of kind {} ({})",
                    to_text(of.table.place), key, of.name, name, fmt::join(kinds, " or "),
                    usable.empty() ? "there is none" : fmt::format("there are: {}", fmt::join(usable, ", ")));
}

void need_measured(const std::vector<std::string>& there, const std::vector<std::string>& needed, const char* what,
                   const std::string& source, const std::string& where) {
  for (const std::string& name : needed) {
    if (std::ranges::find(there, name) != there.end()) continue;
    throw input_error("{}: '{}' leaves out {} '{}': add it to the {}s of '{}'", where, source, what, name, what,
                      source);
  }
}

bool rounds_complete(const Database& db, const std::string& experiment, std::int64_t rounds, const char* outcome) {
  for (const RoundRow& round : db.select<RoundRow>("WHERE experiment = ? AND round_no < ?", {experiment, rounds})) {
    const std::int64_t pending = count_pending_units(db, round.round_id);
    if (pending == 0) continue;
    log_error("'{}': {} units of round {} failed: it ends there, {}", experiment, pending, round.round_no, outcome);
    return false;
  }
  return true;
}

void need_whole_models(const StudySpec& study, const ExperimentSpec& of) {
  const std::int64_t ranks = study.settings.ranks_per_model;
  if (ranks == 1) return;
  throw input_error("{}: experiment '{}' of kind {} needs each model on one rank, but [study] ranks_per_model is {}",
                    to_text(of.table.place), of.name, of.kind, ranks);
}

void check_unseen(const StudySpec& study, const ExperimentSpec& of, const std::string& name, const char* use) {
  for (const ExperimentSpec& transfer : study.experiments) {
    const auto source = source_of_product(transfer, name);
    if (!source) continue;
    check_unseen(study, of, transfer.name, use);
    check_unseen(study, of, *source, use);
    return;
  }
  const auto found = std::find_if(study.experiments.begin(), study.experiments.end(),
                                  [&](const ExperimentSpec& experiment) { return experiment.name == name; });
  if (found == study.experiments.end()) return;
  if (const ConfigNode* split = found->table.find("split")) {
    const auto* text = std::get_if<std::string>(&split->value);
    if (text != nullptr && (*text == "test" || *text == "all")) {
      throw input_error(
          "{}: experiment '{}' {} '{}', which uses split = \"{}\": what judges it must not have chosen it: use "
          "identify",
          to_text(split->place), of.name, use, name, *text);
    }
  }
  for (const char* key : {"from", "neurons", "candidates", "mean_from"}) {
    const ConfigNode* source = found->table.find(key);
    if (source == nullptr) continue;
    if (const auto* text = std::get_if<std::string>(&source->value)) check_unseen(study, of, *text, use);
  }
}

}  // namespace neurosweep
