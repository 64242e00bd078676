#pragma once

#include <string>
#include <vector>

#include "framework/base/ids.hpp"

namespace neurosweep {

/// A neuron whose weights differ between two checkpoints A and B.
struct NeuronDifference {
  NeuronId id;
  double down = 0;           ///< norm of the change of what it writes: its column of W_down
  double down_relative = 0;  ///< as a share of the column's norm in A; 1 where that is 0
  double in = 0;             ///< norm of the change of what it reads: its rows of gate and up, and their biases
};

/// Any other tensor that differs, or that only one of them has.
struct TensorDifference {
  std::string name;
  std::string what;    ///< "changed", "shape", "only in A" or "only in B"
  std::int64_t n = 0;  ///< numbers that differ; of a lone tensor all
  double largest = 0;  ///< change of a number, or number of a lone tensor
  double norm = 0;     ///< of the change, or of a lone tensor
};

struct CheckpointDifference {
  std::vector<NeuronDifference> neurons;  ///< by layer and neuron
  std::vector<TensorDifference> tensors;  ///< by name
  std::vector<std::string> config;        ///< "key: A's value -> B's value" of config.json
  std::int64_t more_neurons = 0;          ///< in every layer of B
};

/// Compares two checkpoints number by number; dtypes may differ. Never holds more than a few tensors.
///   throws  Error{input}: other layers or widths, or families that call their tensors by other names
CheckpointDifference diff_checkpoints(const std::string& a_dir, const std::string& b_dir);

}  // namespace neurosweep
