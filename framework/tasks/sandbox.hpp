#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace neurosweep {

/// How a program is kept apart from the machine.
enum class Isolation {
  namespaces,   ///< user, process, mount, network and IPC namespaces of its own, and the limits
  limits_only,  ///< limits and system-call filter only: it can read what the user can read
};

/// Throws Error{input} for a name that is neither "namespaces" nor "limits-only".
Isolation parse_isolation(const std::string& name);

struct SandboxSpec {
  Isolation isolation = Isolation::namespaces;
  std::string python = "/usr/bin/python3";
  double seconds = 10;              ///< wall-clock and CPU time of one program with its tests
  std::int64_t memory = 1LL << 30;  ///< bytes of address space of each process
};

/// A Python program that runs apart: nothing to write to but an empty folder of 16 MiB, no network, no other processes,
/// no environment, no file descriptors but those given, as user nobody where this process is root. Read-only and
/// visible are /usr and the interpreter's own folder. Killed, with whatever it started, at the end of its scope.
class SandboxedPython {
 public:
  /// Starts it.
  ///   code    what `python3 -c` runs
  ///   fds     become its descriptors 0, 1, 2, ...
  ///   throws  Error{input}: no such interpreter, or the sandbox cannot be set up here (with the step and the reason)
  SandboxedPython(const SandboxSpec& spec, const std::string& code, std::span<const int> fds);
  ~SandboxedPython();
  SandboxedPython(const SandboxedPython&) = delete;
  SandboxedPython& operator=(const SandboxedPython&) = delete;

  /// Kills it, waits, and gives its wait status; a second call gives the same.
  int kill_and_wait();

 private:
  void start(const SandboxSpec& spec, const std::string& code, std::span<const int> fds);
  void check_started(int report_fd);

  pid_t pid_ = -1;
  int status_ = 0;
  std::string scratch_;  ///< the writable folder of limits_only; "": it is within the sandbox
};

}  // namespace neurosweep
