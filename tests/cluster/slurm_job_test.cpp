#include "cluster/slurm_job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/slurm_scripts.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

SlurmJob small_job() {
  SlurmJob job;
  job.program = "/opt/neurosweep";
  job.study = "/data/study.toml";
  job.store = "/data/store";
  job.name = "neurosweep-small";
  return job;
}

TEST(SlurmJob, ScriptsBuiltInAreThoseOfTheFolder) {
  EXPECT_EQ(kSweepScript, testing::read_file(NS_SOURCE_DIR "/slurm/sweep.sbatch"));
  EXPECT_EQ(kReduceScript, testing::read_file(NS_SOURCE_DIR "/slurm/reduce.sbatch"));
}

TEST(SlurmJob, OptionsStandInThePlaceOfTheTemplates) {
  SlurmJob job = small_job();
  job.partition = "gpu";
  job.nodes = 3;
  job.gpus_per_task = 1;
  job.sbatch = {"--constraint=a100"};

  const std::string script = make_sweep_script(job);

  EXPECT_THAT(script, HasSubstr("\n#SBATCH --partition=gpu\n"));
  EXPECT_THAT(script, HasSubstr("\n#SBATCH --nodes=3\n"));
  EXPECT_THAT(script, HasSubstr("\n#SBATCH --gpus-per-task=1\n"));
  EXPECT_THAT(script, HasSubstr("\n#SBATCH --constraint=a100\n"));
  EXPECT_THAT(script, HasSubstr("\n#SBATCH --signal=B:USR1@180\n"));
  EXPECT_THAT(script, Not(HasSubstr("--ntasks=4")));
  EXPECT_THAT(script, Not(HasSubstr("--array")));
}

TEST(SlurmJob, OptionsStandBeforeTheFirstCommand) {
  const std::string script = make_sweep_script(small_job());

  EXPECT_LT(script.rfind("#SBATCH"), script.find("NEUROSWEEP_PROGRAM"));
}

TEST(SlurmJob, SlicesFollowOneAnother) {
  SlurmJob job = small_job();
  job.slices = 5;

  EXPECT_THAT(make_sweep_script(job), HasSubstr("\n#SBATCH --array=1-5%1\n"));
}

TEST(SlurmJob, JobsAtOnceAreAnArrayWithoutALimit) {
  SlurmJob job = small_job();
  job.jobs = 4;

  EXPECT_THAT(make_sweep_script(job), HasSubstr("\n#SBATCH --array=1-4\n"));
  EXPECT_THAT(make_sweep_script(job), HasSubstr("\nNEUROSWEEP_AT_ONCE=yes\n"));
  EXPECT_THAT(make_sweep_script(small_job()), HasSubstr("\nNEUROSWEEP_AT_ONCE=no\n"));
}

TEST(SlurmJob, PathsReachTheScriptAsTheyAre) {
  const testing::TempDir dir;
  SlurmJob job = small_job();
  job.study = "/data/it's $HOME; \"a\" study.toml";
  job.settings = {"study.seed=2"};
  std::string script = make_sweep_script(job);
  script = script.substr(0, script.find("set -u")) + "printf '<%s>' \"$@\"\n";
  testing::write_file(dir.file("head.sh"), script);

  const auto result = testing::run_program({"bash", dir.file("head.sh")});

  EXPECT_EQ(result.out, "<" + job.study + "></data/store><--set><study.seed=2>");
}

TEST(SlurmJob, PercentSignsOfTheStoreAreNoPatternsOfTheLog) {
  SlurmJob job = small_job();
  job.store = "/data/90% store";

  EXPECT_THAT(make_reduce_script(job), HasSubstr("--output=\"/data/90%% store/slurm/reduce-%j.log\"\n"));
}

TEST(SlurmJob, LineBreakInAnOptionIsRefused) {
  SlurmJob job = small_job();
  job.sbatch = {"--comment=x\nrm -rf ."};

  expect_error(ErrorKind::input, HasSubstr("line break"), [&] { make_sweep_script(job); });
}

TEST(SlurmJob, TimeLimitsAreReadAsSlurmReadsThem) {
  EXPECT_EQ(slurm_seconds("30"), 30 * 60);
  EXPECT_EQ(slurm_seconds("30:15"), 30 * 60 + 15);
  EXPECT_EQ(slurm_seconds("4:00:00"), 4 * 3600);
  EXPECT_EQ(slurm_seconds("2-0"), 2 * 86400);
  EXPECT_EQ(slurm_seconds("2-12:30"), 2 * 86400 + 12 * 3600 + 30 * 60);
  EXPECT_EQ(slurm_seconds("1-01:01:01"), 86400 + 3600 + 60 + 1);
}

TEST(SlurmJob, OtherTimeLimitsAreRefused) {
  for (const char* time : {"", "0", "two hours", "4h", "-3", "1:2:3:4", "0-0"}) {
    expect_error(ErrorKind::input, HasSubstr("--time"), [&] { slurm_seconds(time); });
  }
}

TEST(SlurmJob, ShortTimeLimitsGetAShorterNotice) {
  EXPECT_EQ(stop_notice_seconds("4:00:00"), 180);
  EXPECT_EQ(stop_notice_seconds("1"), 20);
}

TEST(SlurmJob, UnknownLauncherIsRefused) {
  expect_error(ErrorKind::input, HasSubstr("srun, mpirun or none"), [] { make_launcher("aprun"); });
}

}  // namespace
}  // namespace neurosweep
