#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/rank/scores.hpp"

namespace neurosweep {

/// A way to find neurons: an experiment that wrote critical sets.
struct ComparedMethod {
  std::string experiment;
  std::optional<ContrastSpec> contrast;  ///< how it selects from trace means, when it does: its stability can be found
};

struct CompareSpec {
  std::string experiment;  ///< whose derived rows are written
  std::vector<ComparedMethod> methods;
  std::string truth;  ///< sweep of all neurons, or race; "": none
  bool truth_is_race = false;
  std::string metric = "reasoning_logprob";
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t top = 50;
  std::int64_t resamples = 200;
  std::uint64_t seed = 0;
};

/// Importance of every neuron to a method, [L*M], the larger the more: |contrast| (before any polarity filter: it only
/// narrows what is selected), neuron_score or, for a sweep of
/// all neurons, the harm of suppressing it. Nothing when the method scores the selected neurons only.
std::optional<std::vector<double>> read_importance(const Database& db, const std::string& experiment,
                                                   const std::string& metric, const ModelRow& model,
                                                   const std::string& task);

/// Writes method_overlap (each pair of methods) and method_quality (each method) for each model and task and for the
/// pool of the tasks; replaces what the experiment had. Selections are the first `top` of the critical sets; a method
/// without a set of a model and task is left out there, with a warning for a whole model without one.
///   throws  Error{input} when no method has a set, and as read_exact_effects()
void compare_methods(Database& db, const CompareSpec& spec);

}  // namespace neurosweep
