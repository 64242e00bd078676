#pragma once

#include <string>

#include "framework/tasks/completion_code.hpp"
#include "framework/tasks/sandbox.hpp"

namespace neurosweep {

struct CodeVerdict {
  bool passed = false;
  std::string reason;  ///< "passed", the exception of the tests, "out of time", "too much output" or "ended early"
};

/// Runs code and its tests in two sandboxes: the code never shares a process with what judges it, and only plain
/// values pass between them. Whatever the code does, both are gone when this returns.
///   throws  Error{input}: the sandbox cannot be set up here
CodeVerdict judge_code(const SandboxSpec& spec, const std::string& code, const CodeTests& tests);

}  // namespace neurosweep
