#include "framework/config/study_spec.hpp"

#include <algorithm>
#include <filesystem>

#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/base/memory.hpp"
#include "framework/config/toml.hpp"

namespace neurosweep {

namespace {

/// The top level: only tables that a study knows.
struct TopLevel {
  const ConfigNode* study;
  const ConfigNode* models;
  const ConfigNode* tasks;
  const ConfigNode* experiments;
};

TopLevel read_top_level(const ConfigNode& root) {
  const std::vector<std::string> known = {"study", "models", "tasks", "experiment"};
  for (const auto& [key, node] : std::get<ConfigTable>(root.value)) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string guess = nearest(key, known);
    throw input_error("{}: unknown table '{}' (valid: [study], [models.<name>], [tasks.<name>], [[experiment]]){}",
                      to_text(node.place), key, guess.empty() ? "" : "; did you mean '" + guess + "'?");
  }
  TopLevel top{root.find("study"), root.find("models"), root.find("tasks"), root.find("experiment")};
  const char* missing = !top.study         ? "[study] with the key 'name'"
                        : !top.models      ? "a [models.<name>] table with the key 'path'"
                        : !top.tasks       ? "a [tasks.<name>] table with the key 'file'"
                        : !top.experiments ? "an [[experiment]] table with the key 'kind'"
                                           : nullptr;
  if (missing) throw input_error("{}: the study lacks {}", root.place.origin, missing);
  return top;
}

template <class Spec>
std::vector<Spec> read_named_tables(const ConfigNode& tables, const char* what) {
  if (!tables.is_table()) {
    throw input_error("{}: '{}' must hold tables such as [{}.small], found {}", to_text(tables.place), what, what,
                      tables.type_name());
  }
  std::vector<Spec> specs;
  for (const auto& [name, node] : std::get<ConfigTable>(tables.value)) {
    Spec spec;
    spec.name = name;
    spec.place = node.place;
    read_keys(node, fmt::format("[{}.{}]", what, name), spec);
    specs.push_back(std::move(spec));
  }
  if (specs.empty()) throw input_error("{}: no [{}.<name>] table", to_text(tables.place), what);
  return specs;
}

std::string text_key(const ConfigNode& table, const char* key) {
  const ConfigNode* node = table.find(key);
  if (!node) throw input_error("{}: [[experiment]] lacks the key '{}'", to_text(table.place), key);
  const auto* text = std::get_if<std::string>(&node->value);
  if (!text) {
    throw input_error("{}: '{}' in [[experiment]] must be a string, found {}", to_text(node->place), key,
                      node->type_name());
  }
  return *text;
}

std::vector<ExperimentSpec> read_experiments(const ConfigNode& node) {
  const auto* array = std::get_if<ConfigArray>(&node.value);
  if (!array || array->empty()) {
    throw input_error("{}: expected [[experiment]] tables, found {}", to_text(node.place), node.type_name());
  }
  std::vector<ExperimentSpec> experiments;
  for (const ConfigNode& table : *array) {
    ExperimentSpec experiment{"", text_key(table, "kind"), table};
    experiment.name = table.find("name") ? text_key(table, "name") : experiment.kind;
    for (const auto& earlier : experiments) {
      if (earlier.name != experiment.name) continue;
      throw input_error("{}: two experiments are named '{}'; give each a 'name' of its own", to_text(table.place),
                        experiment.name);
    }
    experiments.push_back(std::move(experiment));
  }
  return experiments;
}

void check_device(const std::string& device, const SourcePlace& place) {
  if (device == "auto" || device == "cpu" || device == "cuda") return;
  throw input_error("{}: 'device' in [study] must be auto, cpu or cuda, found '{}'", to_text(place), device);
}

void check_memory(const std::string& memory, const SourcePlace& place) {
  if (memory.empty()) return;
  try {
    parse_bytes(memory);
  } catch (const Error& failure) {
    throw input_error("{}: 'memory' in [study]: {}", to_text(place), failure.what());
  }
}

template <class Spec>
const Spec& find_spec(const std::vector<Spec>& specs, const std::string& name, const char* what) {
  for (const auto& spec : specs) {
    if (spec.name == name) return spec;
  }
  throw input_error("no {} named '{}' in the study", what, name);
}

template <class Spec>
std::vector<std::string> names_of(const std::vector<Spec>& specs) {
  std::vector<std::string> names;
  for (const auto& spec : specs) names.push_back(spec.name);
  return names;
}

}  // namespace

const ModelSpec& StudySpec::model(const std::string& name) const {
  return find_spec(models, name, "model");
}
const TaskSpec& StudySpec::task(const std::string& name) const {
  return find_spec(tasks, name, "task");
}
std::vector<std::string> StudySpec::model_names() const {
  return names_of(models);
}
std::vector<std::string> StudySpec::task_names() const {
  return names_of(tasks);
}

StudySpec read_study(const std::string& path, const std::vector<std::string>& settings) {
  StudySpec study;
  study.path = path;
  study.toml = read_text_file(path);
  study.tree = parse_toml_text(study.toml, path);
  apply_settings(study.tree, settings);
  for (const auto& setting : settings) study.toml += "\n# --set " + setting;

  const TopLevel top = read_top_level(study.tree);
  read_keys(*top.study, "[study]", study.settings);
  check_device(study.settings.device, top.study->place);
  check_memory(study.settings.memory, top.study->place);
  study.models = read_named_tables<ModelSpec>(*top.models, "models");
  study.tasks = read_named_tables<TaskSpec>(*top.tasks, "tasks");
  study.experiments = read_experiments(*top.experiments);
  for (auto& model : study.models) model.path = resolve_path(path, model.path);
  for (auto& task : study.tasks) {
    task.file = resolve_path(path, task.file);
    if (!task.shots_file.empty()) task.shots_file = resolve_path(path, task.shots_file);
  }
  return study;
}

std::vector<std::string> choose_names(const std::vector<std::string>& chosen, const std::vector<std::string>& known,
                                      const char* what, const SourcePlace& place) {
  for (const auto& name : chosen) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string guess = nearest(name, known);
    throw input_error("{}: no {} named '{}'{}", to_text(place), what, name,
                      guess.empty() ? fmt::format(" (there are: {})", fmt::join(known, ", "))
                                    : fmt::format("; did you mean '{}'?", guess));
  }
  return chosen.empty() ? known : chosen;
}

std::string resolve_path(const std::string& study_path, const std::string& relative) {
  const std::filesystem::path path(relative);
  if (path.is_absolute()) return path.lexically_normal().string();
  return (std::filesystem::absolute(study_path).parent_path() / path).lexically_normal().string();
}

}  // namespace neurosweep
