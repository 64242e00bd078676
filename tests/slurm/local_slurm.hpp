#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/run_program.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep::testing {

/// A real SLURM on loopback with nodes n1, n2, ... of two processors each, in a folder of its own, to which sbatch and
/// its like of this process and its children talk. Partition "urgent" preempts "batch", the default one.
class LocalSlurm {
 public:
  explicit LocalSlurm(int nodes);
  ~LocalSlurm();
  LocalSlurm(const LocalSlurm&) = delete;
  LocalSlurm& operator=(const LocalSlurm&) = delete;

  /// Why it did not start: its programs are not here, or a daemon failed; "" when it runs.
  const std::string& why_not() const { return why_not_; }

  /// Kills the daemon of a node and all that runs there, and has the node declared down.
  void lose(const std::string& node) const;
  void bring_back(const std::string& node) const;
  /// Kills the controller and the daemon of n1 without a warning and starts them again.
  void restart_daemons() const;

  /// Waits until the controller's next look at time limits, which comes every 30 s, is this far away or less.
  void wait_for_time_check_within(std::chrono::seconds time) const;

  /// A field that `scontrol show job` prints, such as JobState; "" when there is none.
  std::string job_field(const std::string& job, const std::string& field) const;

  /// The end of the controller's log, for a test that failed.
  std::string log() const;

 private:
  void must_do(std::vector<std::string> words) const;  ///< fails the test where the script fails
  ProgramResult script(std::vector<std::string> words) const;

  TempDir dir_;
  std::string why_not_;
  std::chrono::steady_clock::time_point started_;
};

}  // namespace neurosweep::testing
