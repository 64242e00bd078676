#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/study_fixture.hpp"
#include "tests/slurm/local_slurm.hpp"

namespace neurosweep::testing {

/// A study submitted to a local SLURM, which all tests of a suite share.
class SlurmStudyTest : public StudyTest {
 protected:
  /// The two jobs that `neurosweep submit` made.
  struct Jobs {
    std::string sweep, reduce, store;
  };

  static void start_slurm(int nodes) { slurm_ = std::make_unique<LocalSlurm>(nodes); }
  static void TearDownTestSuite() { slurm_.reset(); }
  void SetUp() override;
  void TearDown() override;  ///< of a failed test: prints the logs; ends every job

  static const LocalSlurm& slurm() { return *slurm_; }

  /// The study, of about 12 s of one processor.
  std::string study() const;
  /// Hash of the study run by two ranks without SLURM and without disturbance.
  std::string undisturbed_hash() const;

  Jobs submit(const std::vector<std::string>& options) const;
  /// Waits until so many ranks are at units of the last experiment; fails the test after a minute.
  void wait_for_work(const Jobs& jobs, int ranks = 2) const;
  /// The same, and stops the ranks there, so that nothing comes too late. To end a job SLURM lets them go on.
  void hold_at_work(const Jobs& jobs, int ranks = 2) const;
  /// Asks a job (of an array: `sweep`_N) whose ranks are held to stop, and lets all go on when they know.
  void ask_to_stop(const Jobs& jobs, const std::string& job) const;
  /// Waits until so many of the ranks that are held have got a signal, and lets all go on.
  void release_when_signalled(const Jobs& jobs, int signal, int ranks = 2) const;
  /// Has pkill send a signal to the sweep's ranks, to all unless its options choose.
  void signal_ranks(const Jobs& jobs, std::vector<std::string> pkill_options) const;
  /// Waits until a job is in one of the states, separated by '|'.
  void wait_for_state(const std::string& job, const std::string& states) const;
  /// Waits until the reduce job has ended; then the store must be complete, sound, reported and as undisturbed.
  void expect_completion(const Jobs& jobs) const;
  /// What the sweep's starts wrote.
  std::string sweep_log(const Jobs& jobs) const;

 private:
  /// What pkill finds the sweep's ranks by.
  static std::string rank_pattern(const Jobs& jobs);

  static std::unique_ptr<LocalSlurm> slurm_;
};

}  // namespace neurosweep::testing
