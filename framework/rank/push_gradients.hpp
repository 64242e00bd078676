#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Metric of the screen blocks that hold the slope of a unit's texts by a constant added to each neuron, summed.
inline constexpr const char* kPushGradientMetric = "push_gradient";

struct PushGradientSpec {
  std::string experiment;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t K = 50;
};

/// Writes neuron_score (size of every slope), critical_set (the K steepest neurons, score = slope, source 'gradient')
/// and direction (their slopes, scaled to norm 1: the steepest way up) of an experiment, for each model and task and
/// for the pool of the tasks.
///   throws  Error{input} when no task of a model has a gradient
void rank_gradients(Database& db, const PushGradientSpec& spec);

}  // namespace neurosweep
