#pragma once

#include <string>

namespace neurosweep {

/// What a finished command left.
struct CommandResult {
  int status = 0;   ///< exit status, or 128 + signal
  std::string out;  ///< standard output, without line ends at its end
};

/// Runs a line of the shell; its standard error stays the caller's unless the line says otherwise.
///   throws  Error{io} when no process can be started
CommandResult run_command(const std::string& line);

/// A word as the shell reads it back unchanged.
std::string shell_quoted(const std::string& word);

}  // namespace neurosweep
