#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace neurosweep {

/// The command line of one verb: options and positional words bound to variables, and a help text that teaches.
class CommandLine {
 public:
  /// `usage` as "run STUDY.toml [options]"; `about` one paragraph; `examples` lines, may be empty.
  CommandLine(std::string usage, std::string about, std::string examples = "");
  ~CommandLine();
  CommandLine(CommandLine&&) noexcept;

  CommandLine& positional(const char* name, std::string& value, const char* help);  ///< required, in order
  CommandLine& positional(const char* name, std::vector<std::string>& values, const char* help);  ///< the rest
  CommandLine& option(const char* name, std::string& value, const char* help);
  CommandLine& option(const char* name, std::int64_t& value, const char* help);
  CommandLine& option(const char* name, double& value, const char* help);
  CommandLine& option(const char* name, std::vector<std::string>& values, const char* help);  ///< may be repeated
  CommandLine& flag(const char* name, bool& value, const char* help);

  enum class Outcome { parsed, help_printed };
  /// Parses the words behind the verb. Throws Error{input} with the nearest valid option.
  Outcome parse(const std::vector<std::string>& words);

  std::string help() const;

 private:
  struct Options;
  std::unique_ptr<Options> options_;
};

}  // namespace neurosweep
