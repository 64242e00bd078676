#pragma once

#include <cstdint>
#include <vector>

namespace neurosweep {

/// One instruction of the kernel's packet filter language (struct sock_filter).
struct FilterInstruction {
  std::uint16_t code;
  std::uint8_t if_true;
  std::uint8_t if_false;
  std::uint32_t value;
};

/// Refuses, with EPERM, the system calls that start or signal other processes, open sockets or shared memory, trace,
/// mount, make namespaces, or load anything into the kernel. Empty on processors it is not written for.
std::vector<FilterInstruction> system_call_filter();

/// Installs it for the calling process and its children. Async-signal-safe.
///   returns  0 or errno
int install_filter(const std::vector<FilterInstruction>& filter);

}  // namespace neurosweep
