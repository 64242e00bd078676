#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "framework/model/arch.hpp"
#include "framework/model/weights.hpp"

namespace neurosweep::testing {

/// A matrix as rows of doubles.
using Rows = std::vector<std::vector<double>>;

/// What the slow twin saw in one forward of one sequence.
struct ReferenceRun {
  Rows logits;                 ///< [T][V]
  std::vector<Rows> neuron;    ///< [L][T][M], after `edit`
  std::vector<Rows> residual;  ///< [L][T][D], after each layer
};

/// Changes the neuron vector of a layer and a position.
using NeuronEdit = std::function<void(std::int64_t layer, std::int64_t t, std::vector<double>& neuron)>;

/// A forward of one sequence, written from the formulas with plain loops over f32 weights: the slow twin of Decoder.
ReferenceRun reference_forward(const ArchSpec& arch, const Weights& weights, const std::vector<std::int64_t>& tokens,
                               const NeuronEdit& edit = nullptr);

}  // namespace neurosweep::testing
