#pragma once

#include <string>
#include <vector>

#include "experiments/experiment.hpp"
#include "experiments/neuron_choice.hpp"
#include "experiments/selection.hpp"

namespace neurosweep {

/// How items are answered with sets of neurons suppressed.
struct SetArmOptions {
  std::int64_t max_new_tokens = 128;
  std::int64_t slots = 64;
};

/// Fails when test items judge sets that test items chose, or set neurons to means that were taken of them.
///   judged  the split of the items that judge
///   from    the experiment that found the sets
///   throws  Error{input}
void check_sets_unseen(const StudySpec& study, const ExperimentSpec& of, const std::string& judged,
                       const std::string& from, const InterventionKeys& keys);

/// Adds a set that is to be suppressed while the items of a task are answered.
///   values  of every neuron of the model, [L * M], or empty where all share keys.value
void add_set(Plan& plan, const std::string& set_name, const std::string& model, const std::string& task,
             const std::vector<NeuronId>& neurons, const InterventionKeys& keys, const std::vector<float>& values,
             std::int64_t M);

/// Answers the items of a unit untouched (arm kBaselineArm) and with each set of the plan for its model and task
/// suppressed; also the log-probability of the correct completion under each.
UnitRows measure_set_arms(Workbench& bench, const Plan& plan, const WorkUnit& unit, const SetArmOptions& options);

/// What answering the chosen items under `n_arms` arms costs, at most.
Forecast forecast_set_arms(const Catalog& catalog, const Selection& selection, std::int64_t items_per_unit,
                           std::int64_t n_arms, const SetArmOptions& options);

}  // namespace neurosweep
