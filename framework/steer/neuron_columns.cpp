#include "framework/steer/neuron_columns.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/ranges.h>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();

void check_place(std::int64_t layer, std::int64_t neuron, const NeuronBounds* bounds, std::string_view origin) {
  if (bounds != nullptr &&
      (layer < 0 || layer >= bounds->n_layers || neuron < 0 || neuron >= bounds->n_neurons_per_layer)) {
    throw input_error("{}: neuron {} of layer {} is outside its model of {} layers with {} neurons", origin, neuron,
                      layer, bounds->n_layers, bounds->n_neurons_per_layer);
  }
  if (std::min(layer, neuron) < 0 || std::max(layer, neuron) > kLargest) {
    throw input_error("{}: neuron {} of layer {}: expected numbers from 0 to {}", origin, neuron, layer, kLargest);
  }
}

}  // namespace

void check_keys(const Json& json, const std::vector<std::string_view>& valid, std::string_view origin) {
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(valid, key) == valid.end()) {
      throw input_error("{}: unknown key '{}' (valid: {})", origin, key, fmt::join(valid, ", "));
    }
  }
}

void check_version(const Json& json, std::int64_t read, std::string_view origin) {
  const auto version = require<std::int64_t>(json, "version", origin);
  if (version != read) throw input_error("{}: version {} of the format, this program reads {}", origin, version, read);
}

std::string one_key_a_line(const Json& json) {
  std::string text;
  for (const auto& [key, value] : json.items()) {
    text += fmt::format("{}\"{}\": {}", text.empty() ? "{" : ",\n ", key, json_text(value));
  }
  return text + "}\n";
}

std::vector<NeuronId> read_neuron_columns(const Json& json, std::string_view origin, const NeuronBounds* bounds) {
  const auto layers = require<std::vector<std::int64_t>>(json, "layer", origin);
  const auto neurons = require<std::vector<std::int64_t>>(json, "neuron", origin);
  if (layers.size() != neurons.size()) {
    throw input_error("{}: columns of different lengths: {} layers and {} neurons", origin, layers.size(),
                      neurons.size());
  }
  if (layers.empty()) throw input_error("{}: no neuron", origin);
  std::vector<NeuronId> ids;
  std::set<NeuronId> known;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    check_place(layers[i], neurons[i], bounds, origin);
    ids.push_back({LayerIndex(layers[i]), NeuronIndex(neurons[i])});
    if (!known.insert(ids.back()).second) {
      throw input_error("{}: neuron {} of layer {} is there twice", origin, neurons[i], layers[i]);
    }
  }
  return ids;
}

}  // namespace neurosweep
