#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// How a pattern moves its neurons: by an activation that is added, or towards one.
enum class SteeringForm { push, pull };

std::string_view form_name(SteeringForm form);

/// A neuron with the activation to add (push) or to move towards (pull).
struct PatternNeuron {
  NeuronId id;
  double value = 0;
  double sd = 0;  ///< pull: between successful attempts
};

/// What an experiment found to steer by, for a model and task.
struct SteeringPattern {
  SteeringForm form = SteeringForm::push;
  std::string source;                  ///< the method: 'contrast', 'learned', 'template', ...
  std::vector<PatternNeuron> neurons;  ///< most important first
};

/// The direction that an experiment stored, or its success template.
///   task     or kAllTasks
///   top      at most so many neurons; 0: all
///   returns  without neurons when it stored neither for the model and task
SteeringPattern read_steering_pattern(const Database& db, const std::string& experiment, const std::string& model,
                                      const std::string& task, std::int64_t top = 0);

}  // namespace neurosweep
