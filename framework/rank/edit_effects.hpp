#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// An edit whose answers were measured under the arm of this name.
struct EditArm {
  std::string arm;
  std::string source_task;       ///< on which it was found: a task, kAllTasks, or "" for a file
  std::string op;                ///< 'fold', 'scale', 'rank_one', or 'file' for the edits of an edit file
  std::optional<double> amount;  ///< strength, or factor of a scale; none for an edit file
};

/// The arm of an edit's n-th control: the same on random neurons.
std::string random_arm(const std::string& arm, std::int64_t n);

/// What an edit experiment compares.
struct EditDesign {
  std::vector<EditArm> arms;
  std::vector<std::string> guards;  ///< tasks that must not get worse
  double max_drop = 1;              ///< points of accuracy that a guard may lose
  std::int64_t random_sets = 0;     ///< controls of every arm
};

/// Writes edit_effect of an experiment from its outcomes, for each model, task and edit: against the unedited model,
/// and against the mean of its controls on the items that were answered under all of them. Replaces what it had.
void reduce_edits(Database& db, const std::string& experiment, const EditDesign& design);

}  // namespace neurosweep
