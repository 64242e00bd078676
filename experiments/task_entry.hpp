#pragma once

#include <string>
#include <vector>

#include "experiments/catalog.hpp"

namespace neurosweep {

/// Reads and checks one task of a study: its file, examples, templates and grader.
///   models  checkpoint folders of the study, for chat = "model"
///   throws  Error{input} or Error{io}, beginning with the task's place in the study file
TaskEntry read_task_entry(const TaskSpec& spec, const std::vector<std::string>& models);

/// Hash of all that is read for a task: its file or files, and its worked examples'. Throws Error{io}.
std::string hash_task(const TaskSpec& spec);

}  // namespace neurosweep
