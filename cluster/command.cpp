#include "cluster/command.hpp"

#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "framework/base/error.hpp"

namespace neurosweep {

CommandResult run_command(const std::string& line) {
  std::FILE* pipe = ::popen(line.c_str(), "r");
  if (!pipe) throw error(ErrorKind::io, "no process can be started ({}): {}", errno_text(), line);
  CommandResult result;
  std::array<char, 4096> block;
  while (const std::size_t n = std::fread(block.data(), 1, block.size(), pipe)) result.out.append(block.data(), n);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  while (!result.out.empty() && result.out.back() == '\n') result.out.pop_back();
  return result;
}

std::string shell_quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace neurosweep
