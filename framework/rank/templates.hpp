#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

struct TemplateSpec {
  std::string experiment;          ///< whose derived rows are written
  std::string trace_experiment;    ///< whose successful attempts are read
  std::string neurons_experiment;  ///< whose critical sets name the neurons
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t K = 50;
};

/// Writes success_template and critical_set (the neurons, by distance of the success mean from the failure mean in
/// standard deviations, source 'template') of an experiment: for each model, each task's own set over that task's
/// successful attempts, and the pooled set over those of all tasks.
///   returns  one line for each model and task without a successful attempt or a neuron; logged too
///   throws   Error{input} when no template could be made
std::vector<std::string> make_templates(Database& db, const TemplateSpec& spec);

}  // namespace neurosweep
