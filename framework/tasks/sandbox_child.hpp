#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tasks/sandbox.hpp"
#include "framework/tasks/system_call_filter.hpp"

namespace neurosweep {

/// Everything the child needs, made before the fork: behind it nothing may allocate.
struct SandboxPlan {
  /// A part of the root folder: a folder of the machine, or a link.
  struct Visible {
    std::string path;                  ///< absolute
    std::string link;                  ///< where a link points; "": the folder itself, read-only
    std::vector<std::string> parents;  ///< folders to make first, outermost first
  };
  struct Limit {
    int resource;
    rlim_t value;
  };

  Isolation isolation = Isolation::namespaces;
  uid_t uid = 0;  ///< inside
  gid_t gid = 0;
  bool drops_groups = false;  ///< root: no supplementary groups
  std::string scratch;        ///< limits_only: the writable folder
  std::vector<Visible> visible;
  std::vector<Limit> limits;
  std::vector<std::string> words;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<int> fds;  ///< each above all its new numbers
  int go_fd = -1;        ///< a byte comes when the user's ids are mapped
  int report_fd = -1;    ///< gets the SetupFailure; closed by exec
  std::vector<FilterInstruction> filter;
};

/// What the child could not do.
struct SetupFailure {
  char step[48];
  int error;
};

/// Plan for one program. Throws Error{input}: the interpreter is not there.
void fill_sandbox_plan(SandboxPlan& plan, const SandboxSpec& spec, const std::string& code);

/// Sets up the sandbox around the calling process and becomes the program. Async-signal-safe, and without the library's
/// set-user calls: these wait for threads that the child of a program with threads does not have.
[[noreturn]] void enter_sandbox(const SandboxPlan& plan);

}  // namespace neurosweep
