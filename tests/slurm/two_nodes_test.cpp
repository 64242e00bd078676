#include <gmock/gmock.h>

#include "tests/slurm/slurm_study_test.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

class TwoNodeSlurm : public testing::SlurmStudyTest {
 protected:
  static void SetUpTestSuite() { start_slurm(2); }
};

TEST_F(TwoNodeSlurm, PreemptedJobGoesOnAfterwards) {
  const Jobs jobs = submit({"--nodes", "2", "--launcher", "mpirun"});
  hold_at_work(jobs);

  testing::run_program(
      {"sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=true"});
  expect_completion(jobs);

  EXPECT_EQ(slurm().job_field(jobs.sweep, "Restarts"), "1");
  EXPECT_THAT(sweep_log(jobs), HasSubstr("DUE TO PREEMPTION"));
}

TEST_F(TwoNodeSlurm, JobsAtOnceDivideTheUnitsOfAStore) {
  const Jobs jobs = submit({"--jobs", "2", "--tasks-per-node", "2"});
  hold_at_work(jobs);

  ask_to_stop(jobs, jobs.sweep + "_1");
  expect_completion(jobs);

  EXPECT_THAT(sweep_log(jobs), HasSubstr("(share 1/2), start 1"));
  EXPECT_THAT(sweep_log(jobs), HasSubstr("units done; requeued"));  // it may find nothing left to do
  EXPECT_THAT(sweep_log(jobs), HasSubstr("(share 2/2), start 1"));
  expect_few_units_twice();
}

TEST_F(TwoNodeSlurm, JobThatLosesANodeGoesOnWhenItIsBack) {
  const Jobs jobs = submit({"--nodes", "2"});
  hold_at_work(jobs);

  slurm().lose("n2");
  wait_for_state(jobs.sweep, "PENDING");
  slurm().bring_back("n2");
  expect_completion(jobs);

  EXPECT_EQ(slurm().job_field(jobs.sweep, "Restarts"), "1");
  EXPECT_THAT(sweep_log(jobs), HasSubstr("DUE TO NODE FAILURE"));
}

}  // namespace
}  // namespace neurosweep
