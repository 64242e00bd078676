#include "framework/steer/monitor_file.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/base/neuron_of.hpp"
#include "framework/config/json.hpp"
#include "framework/intervene/monitor_signals.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/steer/checkpoint_match.hpp"
#include "framework/steer/neuron_columns.hpp"

namespace neurosweep {

namespace {

constexpr std::string_view kFormat = "neurosweep monitor";
constexpr std::int64_t kVersion = 1;
const std::vector<std::string_view> kKeys = {"format", "version", "predictor", "model",      "from",
                                             "every",  "layer",   "neuron",    "thresholds", "probes"};

void check_finite(const std::vector<double>& values, const char* key, std::string_view origin) {
  for (const double value : values) {
    if (!std::isfinite(value)) throw input_error("{}: a number of '{}' is {}", origin, key, value);
  }
}

MonitorProbe parse_probe(const Json& json, std::size_t n_values, std::string_view origin) {
  MonitorProbe probe;
  probe.tokens = require<std::int64_t>(json, "tokens", origin);
  probe.intercept = require<double>(json, "intercept", origin);
  probe.slope = require<double>(json, "slope", origin);
  probe.shift = require<double>(json, "shift", origin);
  check_finite({probe.intercept, probe.slope, probe.shift}, "probes", origin);
  const std::pair<const char*, std::vector<double>*> columns[] = {
      {"center", &probe.center}, {"scale", &probe.scale}, {"weight", &probe.weight}};
  for (const auto& [key, values] : columns) {
    *values = require<std::vector<double>>(json, key, origin);
    check_finite(*values, key, origin);
    if (values->size() != n_values) {
      throw input_error("{}: a probe has {} values of '{}': its neurons give {} signals", origin, values->size(), key,
                        n_values);
    }
  }
  for (const double scale : probe.scale) {
    if (scale <= 0) throw input_error("{}: a probe has the scale {}: expected a positive number", origin, scale);
  }
  return probe;
}

std::string stored_monitors(const Database& db) {
  Statement found = db.connection().prepare("SELECT DISTINCT experiment, model FROM monitor_fit ORDER BY 1, 2");
  std::string text;
  while (found.step()) text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", found.text(0), found.text(1));
  return text.empty() ? "none" : text;
}

/// Reads the weights of every probe; the neurons come in the order of the first one's `prompt` signals.
void read_weights(const Database& db, MonitorFile& file) {
  db.for_each<MonitorWeightRow>(
      "WHERE experiment = ? AND model = ? AND tokens = ? AND signal = ? ORDER BY layer, neuron",
      {file.experiment, file.model, file.probes.front().tokens, std::string(kNeuronSignals[0])},
      [&](MonitorWeightRow&& row) { file.neurons.push_back(neuron_of(row)); });
  std::map<std::tuple<std::string, std::int64_t, std::int64_t>, std::size_t> places;
  for (const auto name : kOutputSignals) places.emplace(std::tuple(std::string(name), -1, -1), places.size());
  for (const auto name : kNeuronSignals) {
    for (const NeuronId& id : file.neurons) {
      places.emplace(std::tuple(std::string(name), to_int(id.layer), to_int(id.neuron)), places.size());
    }
  }
  for (MonitorProbe& probe : file.probes) {
    for (auto* values : {&probe.center, &probe.scale, &probe.weight}) values->resize(places.size());
    std::size_t seen = 0;
    db.for_each<MonitorWeightRow>("WHERE experiment = ? AND model = ? AND tokens = ?",
                                  {file.experiment, file.model, probe.tokens}, [&](MonitorWeightRow&& row) {
                                    const std::size_t i = places.at({row.signal, row.layer, row.neuron});
                                    probe.center[i] = row.center;
                                    probe.scale[i] = row.scale;
                                    probe.weight[i] = row.weight;
                                    ++seen;
                                  });
    ensure(seen == places.size(), "a monitor has a weight for every signal");
  }
}

}  // namespace

double MonitorProbe::logit(std::span<const float> signals) const {
  if (signals.size() != weight.size()) {
    throw input_error("a reading of {} signals for a monitor of {}", signals.size(), weight.size());
  }
  double sum = intercept;
  for (std::size_t i = 0; i < weight.size(); ++i) sum += weight[i] * (signals[i] - center[i]) / scale[i];
  return sum;
}

double MonitorProbe::risk(std::span<const float> signals) const {
  return 1 / (1 + std::exp(-(slope * logit(signals) + shift)));
}

double MonitorFile::risk(std::span<const float> signals) const {
  const MonitorProbe* used = &probes.front();
  for (const MonitorProbe& probe : probes) {
    if (static_cast<double>(probe.tokens) <= signals[0]) used = &probe;
  }
  return used->risk(signals);
}

const AlarmThreshold& MonitorFile::threshold(double rate, std::string_view origin) const {
  std::vector<double> rates;
  for (const AlarmThreshold& each : thresholds) {
    if (std::abs(each.rate - rate) < 1e-9) return each;
    rates.push_back(each.rate);
  }
  throw input_error("{}: no threshold for a rate of false alarms of {} (there are: {})", origin, rate,
                    fmt::join(rates, ", "));
}

MonitorFile make_monitor_file(const Database& db, const std::string& experiment, const std::string& model) {
  MonitorFile file;
  file.experiment = experiment;
  file.model = model;
  db.for_each<MonitorFitRow>("WHERE experiment = ? AND model = ? AND exported = 1 ORDER BY tokens", {experiment, model},
                             [&](MonitorFitRow&& row) {
                               file.predictor = row.predictor;
                               file.every = row.every;
                               file.probes.push_back({row.tokens, {}, {}, {}, row.intercept, row.slope, row.shift});
                             });
  if (file.probes.empty()) {
    throw input_error("{}: '{}' fitted no monitor of model '{}'; there are: {}", db.path(), experiment, model,
                      stored_monitors(db));
  }
  read_weights(db, file);
  db.for_each<MonitorAlarmRow>(
      "WHERE experiment = ? AND model = ? AND predictor = ? AND task = ? AND split = 'validate' ORDER BY rate",
      {experiment, model, file.predictor, std::string(kAllTasks)}, [&](MonitorAlarmRow&& row) {
        file.thresholds.push_back({row.rate, row.threshold});
      });
  const ModelRow row = read_model(db, model);
  const StudyRow study = db.study();
  file.checkpoint_hash = row.checkpoint_hash;
  file.family = row.family;
  file.n_layers = row.n_layers;
  file.n_neurons_per_layer = row.n_neurons_per_layer;
  file.study = study.name;
  file.study_id = study.study_id;
  file.code_version = study.code_version;
  return file;
}

std::string monitor_text(const MonitorFile& file) {
  Json layers = Json::array(), neurons = Json::array(), thresholds = Json::array(), probes = Json::array();
  for (const NeuronId& id : file.neurons) {
    layers.push_back(to_int(id.layer));
    neurons.push_back(to_int(id.neuron));
  }
  for (const AlarmThreshold& each : file.thresholds) {
    thresholds.push_back({{"false_alarms", each.rate}, {"risk", each.risk}});
  }
  for (const MonitorProbe& probe : file.probes) {
    probes.push_back({{"tokens", probe.tokens},
                      {"intercept", probe.intercept},
                      {"slope", probe.slope},
                      {"shift", probe.shift},
                      {"center", probe.center},
                      {"scale", probe.scale},
                      {"weight", probe.weight}});
  }
  const Json json = {{"format", kFormat},
                     {"version", kVersion},
                     {"predictor", file.predictor},
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
                       {"code_version", file.code_version}}},
                     {"every", file.every},
                     {"layer", std::move(layers)},
                     {"neuron", std::move(neurons)},
                     {"thresholds", std::move(thresholds)},
                     {"probes", std::move(probes)}};
  return one_key_a_line(json);
}

MonitorFile parse_monitor(std::string_view text, std::string_view origin) {
  const Json json = parse_json(text, origin);
  const Json* format = find_key(json, "format", origin);
  if (format == nullptr || *format != kFormat) throw input_error("{}: this is no monitor file of neurosweep", origin);
  check_version(json, kVersion, origin);
  check_keys(json, kKeys, origin);
  MonitorFile file;
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
  file.code_version = require<std::string>(from, "code_version", origin);
  file.predictor = require<std::string>(json, "predictor", origin);
  file.every = require<std::int64_t>(json, "every", origin);
  if (file.every < 1) throw input_error("{}: every {} tokens: expected at least 1", origin, file.every);
  const NeuronBounds bounds{file.n_layers, file.n_neurons_per_layer};
  file.neurons = read_neuron_columns(json, origin, &bounds);
  for (const Json& each : require<Json>(json, "thresholds", origin)) {
    file.thresholds.push_back({require<double>(each, "false_alarms", origin), require<double>(each, "risk", origin)});
  }
  for (const Json& each : require<Json>(json, "probes", origin)) {
    file.probes.push_back(parse_probe(each, n_signals(file.neurons.size()), origin));
  }
  if (file.probes.empty() || file.probes.front().tokens != 0 ||
      !std::ranges::is_sorted(file.probes, {}, &MonitorProbe::tokens)) {
    throw input_error("{}: probes: expected one for 0 tokens, then further ones by tokens", origin);
  }
  return file;
}

MonitorFile read_monitor_file(const std::string& path) {
  return parse_monitor(read_text_file(path), path);
}

void check_monitor_model(const MonitorFile& file, std::string_view origin, std::string_view model,
                         std::string_view checkpoint_hash) {
  check_checkpoint({file.checkpoint_hash, fmt::format("'{}' of study '{}'", file.model, file.study)}, origin, model,
                   checkpoint_hash);
}

}  // namespace neurosweep
