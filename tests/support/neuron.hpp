#pragma once

#include <cstdint>

#include "framework/base/ids.hpp"

namespace neurosweep::testing {

inline NeuronId neuron(std::int32_t layer, std::int32_t index) {
  return {LayerIndex(layer), NeuronIndex(index)};
}

}  // namespace neurosweep::testing
