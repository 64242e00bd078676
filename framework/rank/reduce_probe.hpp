#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/rank/scores.hpp"

namespace neurosweep {

/// The K neurons with the largest |weight| of a probe as a direction.
///
/// A neuron's value is the step along the weights in the probe's scaled space, back in activation units: weight times
/// scale. All are then multiplied so that their norm is that of the contrast's S on as many neurons of largest |S|, so
/// that strength 1 means as large a push for both methods.
NeuronDirection probe_direction(const ContrastSpec& spec, const ModelRow& model, const std::string& task,
                                const std::vector<double>& weights, const std::vector<double>& scale,
                                const ContrastScores& contrast);

/// Fits a probe on the last activations of all traces of each model and task, and of the pool of the tasks, and writes
/// probe_fit, probe_fold, neuron_score (every neuron), critical_set and direction, source 'probe'.
///   returns, throws  as for_each_contrast(), whose scale the directions need; Error{input} too when a model has traces
///                    but none with last activations
std::vector<std::string> reduce_probe(Database& db, const ContrastSpec& spec, std::uint64_t seed);

}  // namespace neurosweep
