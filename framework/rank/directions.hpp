#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// A neuron that a method selected, with what it would add to it.
struct PushedNeuron {
  NeuronId id;
  double score = 0;  ///< what it was ranked by
  double value = 0;  ///< activation to add at strength 1
};

/// The neurons that a method selected for a model and task, most important first.
struct NeuronDirection {
  std::string model;
  std::string task;  ///< kAllTasks is over all tasks
  std::vector<PushedNeuron> neurons;
};

/// Euclidean norm of the values.
double direction_norm(const NeuronDirection& direction);

/// Writes critical_set and direction of an experiment; replaces what it had.
///   source  the method, of both tables
void write_directions(Database& db, const std::string& experiment, const std::string& source,
                      const std::vector<NeuronDirection>& directions);

}  // namespace neurosweep
