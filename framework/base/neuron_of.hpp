#pragma once

#include "framework/base/ids.hpp"

namespace neurosweep {

/// The neuron that a row with columns `layer` and `neuron` is about.
template <class Row>
NeuronId neuron_of(const Row& row) {
  return {LayerIndex(row.layer), NeuronIndex(row.neuron)};
}

}  // namespace neurosweep
