#include <signal.h>

#include <gmock/gmock.h>

#include "tests/slurm/slurm_study_test.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OneNodeSlurm : public testing::SlurmStudyTest {
 protected:
  static void SetUpTestSuite() { start_slurm(1); }
};

TEST_F(OneNodeSlurm, JobThatMeetsItsTimeLimitRequeuesItself) {
  undisturbed_hash();
  slurm().wait_for_time_check_within(std::chrono::seconds(8));

  const Jobs jobs = submit({"--launcher", "none", "--time", "1", "--sbatch=--signal=B:USR1@29"});
  hold_at_work(jobs, 1);
  release_when_signalled(jobs, SIGUSR1, 1);
  expect_completion(jobs);

  EXPECT_EQ(slurm().job_field(jobs.sweep, "JobState"), "COMPLETED");
  EXPECT_NE(slurm().job_field(jobs.sweep, "Restarts"), "0");
  EXPECT_THAT(sweep_log(jobs), HasSubstr("checkpointed"));
}

TEST_F(OneNodeSlurm, JobThatIsAskedToStopRequeuesItself) {
  const Jobs jobs = submit({"--tasks-per-node", "2"});
  hold_at_work(jobs);

  ask_to_stop(jobs, jobs.sweep);
  expect_completion(jobs);

  EXPECT_EQ(slurm().job_field(jobs.sweep, "Restarts"), "1");
  EXPECT_THAT(sweep_log(jobs), HasSubstr("checkpointed"));
  EXPECT_THAT(sweep_log(jobs), HasSubstr("start 2, 2 ranks on n1 by srun"));
}

TEST_F(OneNodeSlurm, CancelledJobGoesOnWhenItIsSubmittedAgain) {
  const Jobs cancelled = submit({"--tasks-per-node", "2"});
  hold_at_work(cancelled);

  testing::run_program({"scancel", cancelled.sweep});
  wait_for_state(cancelled.reduce, "FAILED");

  EXPECT_EQ(slurm().job_field(cancelled.sweep, "JobState"), "CANCELLED");
  EXPECT_EQ(slurm().job_field(cancelled.sweep, "Restarts"), "0");
  EXPECT_EQ(slurm().job_field(cancelled.reduce, "ExitCode"), "3:0");

  expect_completion(submit({"--tasks-per-node", "2"}));
}

TEST_F(OneNodeSlurm, StoreThatAJobWaitsForIsNotSubmittedAgain) {
  const Jobs jobs = submit({"--sbatch=--hold"});

  const auto second = testing::run_neurosweep({"submit", study(), "--store", store()});
  testing::run_program({"scancel", jobs.sweep});
  wait_for_state(jobs.sweep, "CANCELLED");
  const Jobs third = submit({"--sbatch=--hold"});

  EXPECT_EQ(second.status, 2);
  EXPECT_THAT(second.err, HasSubstr("job " + jobs.sweep + " (PENDING) is at work on " + store() + " already"));
  EXPECT_NE(third.sweep, jobs.sweep);
}

TEST_F(OneNodeSlurm, RestartOfTheControllerAndOfTheNodesDaemonLeavesTheJobAlone) {
  const Jobs jobs = submit({"--tasks-per-node", "2"});
  hold_at_work(jobs);

  slurm().restart_daemons();
  EXPECT_EQ(slurm().job_field(jobs.sweep, "JobState"), "RUNNING");
  signal_ranks(jobs, {"-CONT"});
  expect_completion(jobs);

  EXPECT_EQ(slurm().job_field(jobs.sweep, "Restarts"), "0");
  EXPECT_THAT(sweep_log(jobs), Not(HasSubstr("start 2")));
}

TEST_F(OneNodeSlurm, SliceThatLosesItsRanksLeavesItsWorkToTheNext) {
  const Jobs jobs = submit({"--tasks-per-node", "2", "--array", "3"});
  wait_for_work(jobs);

  signal_ranks(jobs, {"-KILL"});
  expect_completion(jobs);

  EXPECT_EQ(slurm().job_field(jobs.sweep + "_1", "JobState"), "FAILED");
  EXPECT_EQ(slurm().job_field(jobs.sweep + "_2", "JobState"), "COMPLETED");
}

TEST_F(OneNodeSlurm, KilledRankIsRequeued) {
  const Jobs jobs = submit({"--tasks-per-node", "2"});
  wait_for_work(jobs);

  signal_ranks(jobs, {"-KILL", "--newest"});
  expect_completion(jobs);

  EXPECT_EQ(slurm().job_field(jobs.sweep, "Restarts"), "1");
  EXPECT_THAT(sweep_log(jobs), HasSubstr("ranks or nodes were lost (status 137)"));
}

TEST_F(OneNodeSlurm, SlicesOfAnArrayFollowOneAnother) {
  const Jobs jobs = submit({"--tasks-per-node", "2", "--launcher", "mpirun", "--array", "3"});
  hold_at_work(jobs);

  ask_to_stop(jobs, jobs.sweep + "_1");
  expect_completion(jobs);

  EXPECT_EQ(slurm().job_field(jobs.sweep + "_1", "ExitCode"), "85:0");
  EXPECT_EQ(slurm().job_field(jobs.sweep + "_2", "JobState"), "COMPLETED");
  EXPECT_EQ(slurm().job_field(jobs.sweep + "_3", "JobState"), "CANCELLED");
}

TEST_F(OneNodeSlurm, RefusalOfSbatchIsPassedOn) {
  const auto result = testing::run_neurosweep({"submit", study(), "--store", store(), "--partition", "nowhere"});

  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("sbatch refused it: sbatch: error: invalid partition specified: nowhere"));
}

}  // namespace
}  // namespace neurosweep
