#pragma once

#include "framework/base/error.hpp"
#include "framework/tasks/grader.hpp"
#include "framework/tasks/sandbox.hpp"

namespace neurosweep {

/// Options with the strongest isolation that this machine has.
inline GraderOptions options_here() {
  GraderOptions options;
  try {
    SandboxedPython(options.sandbox, "pass", {});
  } catch (const Error&) {
    options.sandbox.isolation = Isolation::limits_only;
  }
  return options;
}

}  // namespace neurosweep
