#pragma once

#include <memory>

#include "framework/tasks/grader.hpp"

namespace neurosweep {

/// A grader that runs a completion's code against the item's tests (see CodeTests).
///   throws  Error{input}: the sandbox cannot be set up on this machine
std::unique_ptr<Grader> make_code_grader(const GraderOptions& options);

}  // namespace neurosweep
