#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace neurosweep::testing {

/// What a finished program left.
struct ProgramResult {
  int status = 0;  ///< exit status, or 128 + signal
  std::string out;
  std::string err;
};

/// The neurosweep program of this build.
std::string neurosweep_path();

/// Words that run neurosweep under mpirun with this many ranks; the verb follows.
std::vector<std::string> mpirun_words(int ranks);

/// Runs a program to its end. words[0] is its path, or a name found in PATH.
ProgramResult run_program(const std::vector<std::string>& words, const std::string& input = "");

/// `neurosweep` with these words.
ProgramResult run_neurosweep(const std::vector<std::string>& words, const std::string& input = "");

/// A program in a process group of its own, its output thrown away.
class BackgroundProgram {
 public:
  explicit BackgroundProgram(const std::vector<std::string>& words);
  ~BackgroundProgram();  ///< kills the group
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;

  pid_t pid() const { return pid_; }
  void signal_group(int signal) const;
  bool finished_within(std::chrono::milliseconds time);
  int wait();  ///< status as in ProgramResult

 private:
  pid_t pid_;
  bool reaped_ = false;
  int status_ = 0;
};

}  // namespace neurosweep::testing
