#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/experiment.hpp"
#include "experiments/steer.hpp"
#include "framework/intervene/steering.hpp"
#include "framework/steer/steering_file.hpp"

namespace neurosweep {

/// A variant of the study, with its steering file when it names one.
struct DeclaredVariant {
  SteerVariant keys;
  std::optional<SteeringFile> file;
};

/// One thing to try for a model and task: a direction of the variant, or one of its controls.
struct PlannedVariant {
  std::string name;
  std::string direction_task;  ///< whose direction; '' from a file
  std::vector<SetMemberRow> members;
};

/// Everything that a variant tries, read from its file or from what its `from` experiment has stored.
///   tasks    of the experiment, for `across`
///   returns  empty when there is no direction for the model and task
///   throws   Error{input}: a layer with too few neurons for a random control
std::vector<PlannedVariant> plan_variant(const Catalog& catalog, const Database& db, const std::string& experiment,
                                         const DeclaredVariant& variant, const std::string& model,
                                         const std::string& task, const std::vector<std::string>& tasks);

/// How many directions a variant tries on each task; controls multiply it.
std::int64_t count_planned(const SteerVariant& variant, std::size_t n_tasks);

/// The steering vector of planned members, or of a pattern.
SteeringVector steering_vector(const std::vector<SetMemberRow>& members);
SteeringVector steering_vector(const SteeringPattern& pattern);

}  // namespace neurosweep
