#include "framework/steer/edit_file.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "framework/base/error.hpp"
#include "framework/config/json.hpp"
#include "framework/steer/neuron_columns.hpp"

namespace neurosweep {

namespace {

constexpr std::string_view kFormat = "neurosweep edits";
constexpr std::int64_t kVersion = 1;

std::vector<double> read_column(const Json& json, std::string_view key, std::size_t n, std::string_view origin) {
  auto values = require<std::vector<double>>(json, key, origin);
  if (values.size() != n) throw input_error("{}: {} has {} values for {} neurons", origin, key, values.size(), n);
  if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); })) {
    throw input_error("{}: {}: a value is not finite", origin, key);
  }
  return values;
}

double read_number(const Json& json, std::string_view key, double fallback, std::string_view origin) {
  const double value = optional_or<double>(json, key, fallback, origin);
  if (!std::isfinite(value)) throw input_error("{}: {} is not finite", origin, key);
  return value;
}

void check_fold(const FoldEdit& fold, std::string_view origin) {
  const bool pulls = fold.pattern.form == SteeringForm::pull;
  if (pulls && (fold.strength <= 0 || fold.strength > 1)) {
    throw input_error("{}: strength {} of a pull (valid: above 0, up to 1)", origin, fold.strength);
  }
  const bool still = std::ranges::all_of(fold.pattern.neurons, [](const auto& each) { return each.value == 0; });
  if (fold.strength == 0 || (!pulls && still)) throw input_error("{}: this would change nothing", origin);
}

ScaleEdit read_scale(const Json& json, std::string_view origin) {
  ScaleEdit edit{read_neuron_columns(json, origin), require<double>(json, "factor", origin)};
  if (!std::isfinite(edit.factor)) throw input_error("{}: factor is not finite", origin);
  if (edit.factor == 1) throw input_error("{}: factor 1 would change nothing", origin);
  return edit;
}

RankOneEdit read_rank_one(const Json& json, std::string_view origin) {
  RankOneEdit edit;
  edit.neurons = read_neuron_columns(json, origin);
  edit.key = read_column(json, "key", edit.neurons.size(), origin);
  edit.target = read_column(json, "target", edit.neurons.size(), origin);
  edit.strength = read_number(json, "strength", 1, origin);
  std::set<LayerIndex> without_key;
  for (const NeuronId id : edit.neurons) without_key.insert(id.layer);
  for (std::size_t i = 0; i < edit.neurons.size(); ++i) {
    if (edit.key[i] != 0) without_key.erase(edit.neurons[i].layer);
  }
  if (!without_key.empty()) {
    throw input_error("{}: the key of layer {} is 0: there is nothing to map from", origin,
                      to_int(*without_key.begin()));
  }
  if (edit.strength == 0 || edit.key == edit.target) throw input_error("{}: this would change nothing", origin);
  return edit;
}

void take_checkpoint(EditFile& file, const std::string& hash, std::string_view origin) {
  if (!file.checkpoint_hash.empty() && !hash.empty() && file.checkpoint_hash != hash) {
    throw input_error("{}: is for the checkpoint {}, other edits here are for {}", origin, hash, file.checkpoint_hash);
  }
  if (!hash.empty()) file.checkpoint_hash = hash;
}

FoldEdit read_fold(const Json& json, EditFile& file, const std::string& folder, std::string_view origin) {
  const std::filesystem::path named = require<std::string>(json, "steering", origin);
  const std::string path = named.is_absolute() ? named.string() : (std::filesystem::path(folder) / named).string();
  const SteeringFile steering = read_steering_file(path);
  take_checkpoint(file, steering.checkpoint_hash, path);
  FoldEdit edit{steering.pattern, read_number(json, "strength", 1, origin)};
  check_fold(edit, origin);
  return edit;
}

WeightEdit read_edit(const Json& json, EditFile& file, const std::string& folder, std::string_view origin) {
  const auto op = require<std::string>(json, "op", origin);
  if (op == "fold") {
    check_keys(json, {"op", "steering", "strength"}, origin);
    return read_fold(json, file, folder, origin);
  }
  if (op == "scale") {
    check_keys(json, {"op", "layer", "neuron", "factor"}, origin);
    return read_scale(json, origin);
  }
  if (op == "remove") {
    check_keys(json, {"op", "layer", "neuron"}, origin);
    return ScaleEdit{read_neuron_columns(json, origin), 0};
  }
  if (op == "rank_one") {
    check_keys(json, {"op", "layer", "neuron", "key", "target", "strength"}, origin);
    return read_rank_one(json, origin);
  }
  throw input_error("{}: op '{}' (valid: fold, scale, remove, rank_one)", origin, op);
}

void check_protected(const EditFile& file, std::string_view origin) {
  for (const WeightEdit& edit : file.edits) {
    for (const NeuronId id : touched_neurons(edit)) {
      if (!file.protected_set.contains(id)) continue;
      throw input_error("{}: neuron {} of layer {} is protected, and an edit touches it: leave it out of the edit",
                        origin, to_int(id.neuron), to_int(id.layer));
    }
  }
}

}  // namespace

std::vector<NeuronId> touched_neurons(const WeightEdit& edit) {
  if (const auto* fold = std::get_if<FoldEdit>(&edit)) {
    std::vector<NeuronId> ids;
    for (const PatternNeuron& neuron : fold->pattern.neurons) ids.push_back(neuron.id);
    return ids;
  }
  if (const auto* scale = std::get_if<ScaleEdit>(&edit)) return scale->neurons;
  return std::get<RankOneEdit>(edit).neurons;
}

EditFile parse_edits(std::string_view text, const std::string& origin) {
  const Json json = parse_json(text, origin);
  const Json* format = find_key(json, "format", origin);
  if (format == nullptr || *format != kFormat) {
    throw input_error("{}: this is no edit file: expected \"format\": \"{}\"", origin, kFormat);
  }
  check_version(json, kVersion, origin);
  check_keys(json, {"format", "version", "checkpoint_hash", "protected", "edits"}, origin);
  EditFile file;
  file.checkpoint_hash = optional_or<std::string>(json, "checkpoint_hash", "", origin);
  if (const Json* kept = find_key(json, "protected", origin)) {
    const auto ids = read_neuron_columns(*kept, origin + ": protected");
    file.protected_set.insert(ids.begin(), ids.end());
  }
  const std::string folder = std::filesystem::path(origin).parent_path().string();
  const auto edits = require<Json>(json, "edits", origin);
  if (!edits.is_array() || edits.empty()) throw input_error("{}: edits: expected an array of one or more", origin);
  for (std::size_t i = 0; i < edits.size(); ++i) {
    file.edits.push_back(read_edit(edits[i], file, folder, fmt::format("{}: edit {}", origin, i + 1)));
  }
  check_protected(file, origin);
  return file;
}

EditFile fold_of(const SteeringFile& steering, double strength, std::string_view origin) {
  const FoldEdit edit{steering.pattern, strength};
  check_fold(edit, origin);
  return {steering.checkpoint_hash, {}, {edit}};
}

void protect(EditFile& file, std::string_view text, std::string_view origin) {
  const Json json = parse_json(text, origin);
  check_keys(json, {"layer", "neuron"}, origin);
  const auto ids = read_neuron_columns(json, origin);
  file.protected_set.insert(ids.begin(), ids.end());
  check_protected(file, origin);
}

void check_protected_exist(const EditFile& file, std::int64_t L, std::int64_t M, std::string_view origin) {
  for (const NeuronId id : file.protected_set) {
    if (to_int(id.layer) < L && to_int(id.neuron) < M) continue;
    throw input_error("{}: protected: neuron {} of layer {} is outside the model of {} layers with {} neurons", origin,
                      to_int(id.neuron), to_int(id.layer), L, M);
  }
}

}  // namespace neurosweep
