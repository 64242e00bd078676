#pragma once

#include <compare>
#include <cstdint>

namespace neurosweep {

/// Layer of a decoder, 0-based.
enum class LayerIndex : std::int32_t {};

/// Neuron within a layer, 0-based: coordinate of the vector that W_down multiplies.
enum class NeuronIndex : std::int32_t {};

constexpr std::int32_t to_int(LayerIndex layer) {
  return static_cast<std::int32_t>(layer);
}
constexpr std::int32_t to_int(NeuronIndex neuron) {
  return static_cast<std::int32_t>(neuron);
}

/// One neuron of a model.
struct NeuronId {
  LayerIndex layer{};
  NeuronIndex neuron{};
  auto operator<=>(const NeuronId&) const = default;
};

/// Dense number of a neuron in a model with M neurons per layer: layer * M + neuron.
constexpr std::int64_t flat_index(NeuronId id, std::int64_t M) {
  return to_int(id.layer) * M + to_int(id.neuron);
}

constexpr NeuronId neuron_at(std::int64_t flat, std::int64_t M) {
  return {static_cast<LayerIndex>(flat / M), static_cast<NeuronIndex>(flat % M)};
}

}  // namespace neurosweep
