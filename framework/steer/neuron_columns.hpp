#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/config/json.hpp"

namespace neurosweep {

/// Size of the model that neurons are of.
struct NeuronBounds {
  std::int64_t n_layers = 0, n_neurons_per_layer = 0;
};

/// Throws Error{input} for a key that is none of these.
void check_keys(const Json& json, const std::vector<std::string_view>& valid, std::string_view origin);

/// Throws Error{input} unless the key `version` is the one that is read.
void check_version(const Json& json, std::int64_t read, std::string_view origin);

/// A JSON object as text, a line for each of its keys.
std::string one_key_a_line(const Json& json);

/// The neurons in the columns `layer` and `neuron`, in their order.
///   bounds  null: of a model that is not known yet
///   throws  Error{input}: columns of different lengths, none, a neuron twice, one outside the bounds or of a number
///           that a NeuronId cannot hold
std::vector<NeuronId> read_neuron_columns(const Json& json, std::string_view origin,
                                          const NeuronBounds* bounds = nullptr);

}  // namespace neurosweep
