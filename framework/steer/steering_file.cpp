#include "framework/steer/steering_file.hpp"

#include <cmath>

#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/json.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/steer/checkpoint_match.hpp"
#include "framework/steer/neuron_columns.hpp"

namespace neurosweep {

namespace {

constexpr std::string_view kFormat = "neurosweep steering";
constexpr std::int64_t kVersion = 1;
const std::vector<std::string_view> kKeys = {"format", "version", "form",  "model", "from",
                                             "layer",  "neuron",  "value", "sd"};

std::string stored_patterns(const Database& db) {
  Statement found = db.connection().prepare(
      "SELECT experiment, model, task FROM direction UNION SELECT experiment, model, task FROM success_template "
      "ORDER BY 1, 2, 3");
  std::string text;
  while (found.step()) {
    text += fmt::format("{}{} ({}, {})", text.empty() ? "" : ", ", found.text(0), found.text(1), found.text(2));
  }
  return text.empty() ? "none" : text;
}

SteeringForm parse_form(const std::string& name, std::string_view origin) {
  for (const SteeringForm form : {SteeringForm::push, SteeringForm::pull}) {
    if (form_name(form) == name) return form;
  }
  throw input_error("{}: form '{}' (valid: push, pull)", origin, name);
}

std::vector<PatternNeuron> parse_neurons(const Json& json, const SteeringFile& file, std::string_view origin) {
  const NeuronBounds bounds{file.n_layers, file.n_neurons_per_layer};
  const auto ids = read_neuron_columns(json, origin, &bounds);
  const auto values = require<std::vector<double>>(json, "value", origin);
  const auto sds = file.pattern.form == SteeringForm::pull ? require<std::vector<double>>(json, "sd", origin)
                                                           : std::vector<double>(ids.size(), 0.0);
  if (values.size() != ids.size() || sds.size() != ids.size()) {
    throw input_error("{}: columns of different lengths: {} neurons, value {}, sd {}", origin, ids.size(),
                      values.size(), sds.size());
  }
  std::vector<PatternNeuron> result;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!std::isfinite(values[i]) || !std::isfinite(sds[i])) {
      throw input_error("{}: neuron {} of layer {}: value {} or sd {} is not finite", origin, to_int(ids[i].neuron),
                        to_int(ids[i].layer), values[i], sds[i]);
    }
    result.push_back({ids[i], values[i], sds[i]});
  }
  return result;
}

}  // namespace

SteeringFile make_steering_file(const Database& db, const std::string& experiment, const std::string& model,
                                const std::string& task, std::int64_t top) {
  SteeringFile file;
  file.pattern = read_steering_pattern(db, experiment, model, task, top);
  if (file.pattern.neurons.empty()) {
    throw input_error("{}: '{}' stored no direction or template for model '{}', task '{}'; there are: {}", db.path(),
                      experiment, model, task, stored_patterns(db));
  }
  const ModelRow row = read_model(db, model);
  const StudyRow study = db.study();
  file.checkpoint_hash = row.checkpoint_hash;
  file.family = row.family;
  file.n_layers = row.n_layers;
  file.n_neurons_per_layer = row.n_neurons_per_layer;
  file.study = study.name;
  file.study_id = study.study_id;
  file.experiment = experiment;
  file.model = model;
  file.task = task;
  file.code_version = study.code_version;
  return file;
}

std::string steering_text(const SteeringFile& file) {
  Json layers = Json::array(), neurons = Json::array(), values = Json::array(), sds = Json::array();
  for (const auto& [id, value, sd] : file.pattern.neurons) {
    layers.push_back(to_int(id.layer));
    neurons.push_back(to_int(id.neuron));
    values.push_back(value);
    sds.push_back(sd);
  }
  Json json = {{"format", kFormat},
               {"version", kVersion},
               {"form", form_name(file.pattern.form)},
               {"model",
                {{"name", file.model},
                 {"family", file.family},
                 {"checkpoint_hash", file.checkpoint_hash},
                 {"layers", file.n_layers},
                 {"neurons_per_layer", file.n_neurons_per_layer}}},
               {"from",
                {{"study", file.study},
                 {"study_id", file.study_id},
                 {"experiment", file.experiment},
                 {"method", file.pattern.source},
                 {"task", file.task},
                 {"code_version", file.code_version}}},
               {"layer", std::move(layers)},
               {"neuron", std::move(neurons)},
               {"value", std::move(values)}};
  if (file.pattern.form == SteeringForm::pull) json["sd"] = std::move(sds);
  return one_key_a_line(json);
}

SteeringFile parse_steering(std::string_view text, std::string_view origin) {
  const Json json = parse_json(text, origin);
  const Json* format = find_key(json, "format", origin);
  if (format == nullptr || *format != kFormat) throw input_error("{}: this is no steering file of neurosweep", origin);
  check_version(json, kVersion, origin);
  check_keys(json, kKeys, origin);
  SteeringFile file;
  const auto model = require<Json>(json, "model", origin);
  file.model = require<std::string>(model, "name", origin);
  file.family = require<std::string>(model, "family", origin);
  file.checkpoint_hash = require<std::string>(model, "checkpoint_hash", origin);
  file.n_layers = require<std::int64_t>(model, "layers", origin);
  file.n_neurons_per_layer = require<std::int64_t>(model, "neurons_per_layer", origin);
  const auto from = require<Json>(json, "from", origin);
  file.study = require<std::string>(from, "study", origin);
  file.study_id = require<std::string>(from, "study_id", origin);
  file.experiment = require<std::string>(from, "experiment", origin);
  file.task = require<std::string>(from, "task", origin);
  file.code_version = require<std::string>(from, "code_version", origin);
  file.pattern.source = require<std::string>(from, "method", origin);
  file.pattern.form = parse_form(require<std::string>(json, "form", origin), origin);
  file.pattern.neurons = parse_neurons(json, file, origin);
  return file;
}

SteeringFile read_steering_file(const std::string& path) {
  return parse_steering(read_text_file(path), path);
}

void check_steering_model(const SteeringFile& file, std::string_view origin, std::string_view model,
                          std::string_view checkpoint_hash) {
  check_checkpoint({file.checkpoint_hash, fmt::format("'{}' of study '{}'", file.model, file.study)}, origin, model,
                   checkpoint_hash);
}

}  // namespace neurosweep
