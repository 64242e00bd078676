#pragma once

#include <memory>

#include "framework/tasks/grader.hpp"

namespace neurosweep {

/// A grader of multiple choice. What a completion states last counts: a letter, or the text or value of exactly one
/// option where the item's answer lists them (see ChoiceAnswer). A \boxed{} that is no option is a wrong answer.
std::unique_ptr<Grader> make_choice_grader(const GraderOptions& options);

}  // namespace neurosweep
