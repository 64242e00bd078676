#pragma once

#include <string>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// Name of the pool of all tasks of a model, wherever a task is asked for.
inline constexpr const char* kAllTasks = "*";

/// A member of a critical set.
struct CriticalNeuron {
  NeuronId id;
  double effect = 0;  ///< sweep: mean effect on the ranking metric; contrast: S of method eq. (1), an activation
  double q = 1;       ///< sweep: Benjamini-Hochberg adjusted p; contrast: 1, for a contrast is no proof
};

/// The neurons of a model that an experiment found critical for a task.
struct CriticalSet {
  std::string experiment;
  std::string source;  ///< 'sweep' (suppression effects) or 'contrast' (correct against incorrect traces)
  std::string model;
  std::string task;                     ///< kAllTasks is over all tasks
  std::vector<CriticalNeuron> neurons;  ///< most critical first
};

/// Critical sets that an experiment's reducer stored, by model, then task; sets without a neuron are not there.
std::vector<CriticalSet> read_critical_sets(const Database& db, const std::string& experiment);

/// One of them.
///   throws   Error{input} that names the sets there are when this one is not stored
CriticalSet read_critical_set(const Database& db, const std::string& experiment, const std::string& model,
                              const std::string& task);

}  // namespace neurosweep
