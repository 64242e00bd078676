// The scripts in slurm/ under bash, with scripts of the test in the place of neurosweep and of SLURM's commands.
#include <signal.h>

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/run_program.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SweepScript : public ::testing::Test {
 protected:
  SweepScript() {
    for (const char* command : {"scontrol", "scancel", "srun", "mpirun"}) {
      write_program(command, fmt::format("echo {} \"$@\" >> '{}'\n", command, dir_.file("calls")));
    }
    write_program("neurosweep", fmt::format("cd '{}'\ncase $1 in\n"
                                            "  run) echo \"$@\" >> calls; . ./on_run ;;\n"
                                            "  merge) [ ! -e on_merge ] || . ./on_merge ;;\n"
                                            "  query) [ ! -e on_query ] || . ./on_query; echo n; cat units ;;\nesac\n",
                                            dir_.path().string()));
    testing::write_file(dir_.file("calls"), "");
    has_done(0);
  }

  /// What a start of the run does.
  void on_run(const std::string& text) const { testing::write_file(dir_.file("on_run"), text + '\n'); }
  void has_done(int units) const { testing::write_file(dir_.file("units"), std::to_string(units) + '\n'); }

  /// Words that run the script with these variables as well.
  std::vector<std::string> words(const std::vector<std::string>& variables = {}) const {
    std::vector<std::string> all = {"env", "PATH=" + dir_.path().string() + ":/usr/bin:/bin", "SLURM_JOB_ID=7",
                                    "SLURM_JOB_NODELIST=n1", "NEUROSWEEP_LAUNCHER=none"};
    all.insert(all.end(), variables.begin(), variables.end());
    for (const std::string& word :
         {std::string("bash"), std::string(NS_SOURCE_DIR "/slurm/sweep.sbatch"), std::string("study.toml"),
          dir_.file("store"), std::string("--set"), std::string("study.seed=2")}) {
      all.push_back(word);
    }
    return all;
  }

  testing::ProgramResult start(const std::vector<std::string>& variables = {}) const {
    return testing::run_program(words(variables));
  }

  std::string calls() const { return testing::read_file(dir_.file("calls")); }

  void write_program(const std::string& name, const std::string& text) const {
    testing::write_file(dir_.file(name), "#!/bin/bash\n" + text);
    std::filesystem::permissions(dir_.file(name), std::filesystem::perms::owner_all);
  }

  /// Starts the script, waits until its run works, sends the signal to the script alone, and gives its status.
  int signalled(int signal, const std::vector<std::string>& variables = {}) const {
    testing::BackgroundProgram script(words(variables));
    while (!std::filesystem::exists(dir_.file("working"))) {
      if (script.finished_within(std::chrono::milliseconds(5))) return script.wait();
    }
    ::kill(script.pid(), signal);
    return script.wait();
  }

  testing::TempDir dir_;
};

TEST_F(SweepScript, RunsTheStudyWithItsSettings) {
  on_run("exit 0");

  const auto result = start();

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(calls(), "run study.toml --store " + dir_.file("store") + " --set study.seed=2\n");
}

TEST_F(SweepScript, StartsRanksByTheLauncher) {
  start({"NEUROSWEEP_LAUNCHER=srun", "SLURM_NTASKS=4", "SLURM_CPUS_PER_TASK=2"});
  start({"NEUROSWEEP_LAUNCHER=mpirun", "SLURM_NTASKS=4"});

  EXPECT_THAT(calls(), HasSubstr("srun --mpi=pmix --cpus-per-task=2 neurosweep run study.toml"));
  EXPECT_THAT(calls(), HasSubstr("mpirun -n 4 --bind-to none neurosweep run study.toml"));
}

TEST_F(SweepScript, CheckpointedRunIsRequeued) {
  on_run("echo 5 > units; exit 85");

  const auto result = start();

  EXPECT_THAT(calls(), HasSubstr("scontrol requeue 7\n"));
  EXPECT_THAT(result.out, HasSubstr("5 units done; requeued"));
}

TEST_F(SweepScript, LostRanksAreRequeued) {
  for (const int status : {6, 7, 134, 137, 139}) {
    on_run(fmt::format("exit {}", status));
    const auto result = start({fmt::format("SLURM_JOB_ID={}", status)});
    EXPECT_THAT(calls(), HasSubstr(fmt::format("scontrol requeue {}\n", status)));
    EXPECT_THAT(result.out, HasSubstr(fmt::format("lost (status {})", status)));
  }
}

TEST_F(SweepScript, FailureThatAnotherStartWouldMeetAgainIsNotRequeued) {
  for (const int status : {2, 4, 5, 70, 126, 127}) {
    on_run(fmt::format("exit {}", status));
    EXPECT_EQ(start().status, status);
  }

  EXPECT_THAT(calls(), Not(HasSubstr("requeue")));
}

TEST_F(SweepScript, TwoStartsInARowWithoutAUnitEndTheJob) {
  on_run("exit 85");

  const auto first = start();
  const auto second = start({"SLURM_RESTART_COUNT=1"});

  EXPECT_THAT(first.out, HasSubstr("0 units done; requeued"));
  EXPECT_EQ(second.status, 85);
  EXPECT_THAT(second.err, HasSubstr("no unit was done in two starts in a row"));
}

TEST_F(SweepScript, StartThatDoesAUnitBeginsTheCountAnew) {
  on_run("exit 85");
  start();
  on_run("echo 1 > units; exit 85");
  start();
  on_run("exit 85");

  const auto result = start();

  EXPECT_THAT(result.out, HasSubstr("1 units done; requeued"));
}

TEST_F(SweepScript, UnitsOfEarlierJobsAreNoProgressOfThisOne) {
  has_done(40);
  on_run("exit 85");

  start();

  EXPECT_EQ(start().status, 85);
}

TEST_F(SweepScript, RestartsAreBounded) {
  on_run("echo 5 > units; exit 85");

  const auto result = start({"SLURM_RESTART_COUNT=3", "NEUROSWEEP_MAX_RESTARTS=3"});

  EXPECT_EQ(result.status, 85);
  EXPECT_THAT(calls(), Not(HasSubstr("requeue")));
  EXPECT_THAT(result.err, HasSubstr("not complete after 3 restarts"));
}

TEST_F(SweepScript, RestartsThatSlurmMakesAreBoundedToo) {
  on_run("exit 0");

  const auto last = start({"SLURM_RESTART_COUNT=3", "NEUROSWEEP_MAX_RESTARTS=3"});
  testing::write_file(dir_.file("calls"), "");
  const auto beyond = start({"SLURM_RESTART_COUNT=4", "NEUROSWEEP_MAX_RESTARTS=3"});

  EXPECT_EQ(last.status, 0) << last.err;
  EXPECT_EQ(beyond.status, 85);
  EXPECT_THAT(beyond.err, HasSubstr("not complete after 3 restarts, lost nodes and preemptions included"));
  EXPECT_EQ(calls(), "");
}

TEST_F(SweepScript, SliceOfAnArrayLeavesTheRestToTheNext) {
  on_run("echo 5 > units; exit 85");

  const auto result = start({"SLURM_ARRAY_JOB_ID=6", "SLURM_ARRAY_TASK_ID=1"});

  EXPECT_EQ(result.status, 85);
  EXPECT_THAT(calls(), Not(HasSubstr("requeue")));
  EXPECT_THAT(calls(), Not(HasSubstr("scancel")));
}

TEST_F(SweepScript, CompleteSliceCancelsThoseThatWait) {
  on_run("exit 0");

  EXPECT_EQ(start({"SLURM_ARRAY_JOB_ID=6", "SLURM_ARRAY_TASK_ID=2"}).status, 0);

  EXPECT_THAT(calls(), HasSubstr("scancel --state=PENDING 6\n"));
}

TEST_F(SweepScript, JobsAtOnceTakeTheirSharesAndEachRequeuesItself) {
  on_run("echo 5 > units; exit 85");

  const auto result =
      start({"NEUROSWEEP_AT_ONCE=yes", "SLURM_ARRAY_JOB_ID=6", "SLURM_ARRAY_TASK_ID=2", "SLURM_ARRAY_TASK_COUNT=3"});

  EXPECT_THAT(result.out, HasSubstr("(share 2/3), start 1"));
  EXPECT_THAT(calls(), HasSubstr("run study.toml --store " + dir_.file("store") + " --share 2/3 --set study.seed=2\n"));
  EXPECT_THAT(calls(), HasSubstr("scontrol requeue 6_2\n"));
}

TEST_F(SweepScript, OfJobsAtOnceOneThatFailsByItsNodeLeavesTheOthersWaiting) {
  const auto cancels = [&](int status, std::vector<std::string> variables) {
    testing::write_file(dir_.file("calls"), "");
    on_run(fmt::format("exit {}", status));
    variables.insert(variables.end(), {"SLURM_ARRAY_JOB_ID=6", "SLURM_ARRAY_TASK_ID=2", "SLURM_ARRAY_TASK_COUNT=3"});
    EXPECT_EQ(start(variables).status, status);
    return calls().find("scancel --state=PENDING 6\n") != std::string::npos;
  };

  for (const int status : {0, 2, 3}) EXPECT_TRUE(cancels(status, {"NEUROSWEEP_AT_ONCE=yes"})) << status;
  for (const int status : {4, 5, 70, 127}) EXPECT_FALSE(cancels(status, {"NEUROSWEEP_AT_ONCE=yes"})) << status;
  for (const int status : {0, 2, 3, 4, 70}) EXPECT_TRUE(cancels(status, {})) << status;
}

/// To bash before 4.4 an empty array is unset, and `set -u` ends the script there.
TEST_F(SweepScript, GivesNoArrayThatMayBeEmptyToAnOldBash) {
  std::string script = testing::read_file(NS_SOURCE_DIR "/slurm/sweep.sbatch");
  for (const std::string name : {"share", "start"}) {
    const std::string guarded = fmt::format("${{{0}[@]+\"${{{0}[@]}}\"}}", name);
    const auto at = script.find(guarded);
    ASSERT_NE(at, std::string::npos) << name;
    script.erase(at, guarded.size());
    EXPECT_THAT(script, Not(HasSubstr(name + "[@]")));
  }
}

TEST_F(SweepScript, NearTimeLimitTheRunIsAskedToStopAndTheJobRequeued) {
  on_run("trap 'echo 5 > units; exit 85' USR1; touch working; while :; do sleep 0.05; done");

  signalled(SIGUSR1);

  EXPECT_THAT(calls(), HasSubstr("scontrol requeue 7\n"));
}

TEST_F(SweepScript, RunThatDoesNotStopInTimeIsEndedAndRequeued) {
  on_run("trap '' USR1; touch working; while :; do sleep 0.05; done");

  signalled(SIGUSR1, {"NEUROSWEEP_NOTICE=2"});

  EXPECT_THAT(calls(), HasSubstr("scontrol requeue 7\n"));
}

TEST_F(SweepScript, TimeLimitThatComesBeforeTheRanksStartRequeuesAtOnce) {
  testing::write_file(dir_.file("environment"), "kill -USR1 $$");

  start({"NEUROSWEEP_ENV=" + dir_.file("environment")});

  EXPECT_EQ(calls(), "scontrol requeue 7\n");
}

TEST_F(SweepScript, CancelledJobStopsTheRunAndRequeuesNothing) {
  on_run("trap 'echo stopped >> calls; exit 85' TERM; touch working; while :; do sleep 0.05; done");

  EXPECT_EQ(signalled(SIGTERM), 143);

  EXPECT_THAT(calls(), HasSubstr("stopped"));
  EXPECT_THAT(calls(), Not(HasSubstr("requeue")));
}

TEST_F(SweepScript, JobCancelledWhileItMergesIsNotRequeued) {
  on_run("exit 85");
  testing::write_file(dir_.file("on_merge"), "kill -TERM $PPID\n");

  const auto result = start();

  EXPECT_EQ(result.status, 143);
  EXPECT_THAT(result.out, HasSubstr("told to end"));
  EXPECT_THAT(calls(), Not(HasSubstr("requeue")));
}

TEST_F(SweepScript, JobCancelledWhileItCountsUnitsKeepsItsCountsAndIsNotRequeued) {
  has_done(5);
  on_run("echo 'kill -TERM $(ps -o ppid= $PPID); exit 143' > on_query; exit 85");

  const auto result = start();

  EXPECT_EQ(result.status, 143);
  EXPECT_THAT(calls(), Not(HasSubstr("requeue")));
  EXPECT_EQ(testing::read_file(dir_.file("store/slurm/progress-7")), "5 0\n");
}

TEST_F(SweepScript, NoticeOfTheTimeLimitThatComesAfterTheRunSignalsNoProcess) {
  write_program("sleep", "echo sleep >> '" + dir_.file("calls") + "'\n");
  on_run("echo 5 > units; exit 85");
  testing::write_file(dir_.file("on_merge"), "kill -USR1 $PPID\n");

  start();

  EXPECT_THAT(calls(), HasSubstr("scontrol requeue 7\n"));
  EXPECT_THAT(calls(), Not(HasSubstr("sleep")));  // what counts the time until the run is ended
}

TEST_F(SweepScript, EnvironmentThatFailsEndsTheJob) {
  testing::write_file(dir_.file("environment"), "false");

  EXPECT_EQ(start({"NEUROSWEEP_ENV=" + dir_.file("environment")}).status, 2);

  EXPECT_EQ(calls(), "");
}

/// Gives the exit status of slurm/reduce.sbatch where the program's verbs end with these.
int reduced(const std::string& verify, const std::string& rank, const std::string& report) {
  const testing::TempDir dir;
  testing::write_file(
      dir.file("neurosweep"),
      fmt::format("#!/bin/bash\ncase $1 in\n  verify) exit {} ;;\n  rank) exit {} ;;\n  report) exit {} "
                  ";;\nesac\n",
                  verify, rank, report));
  std::filesystem::permissions(dir.file("neurosweep"), std::filesystem::perms::owner_all);
  return testing::run_program({"env", "NEUROSWEEP_PROGRAM=" + dir.file("neurosweep"), "bash",
                               NS_SOURCE_DIR "/slurm/reduce.sbatch", dir.file("store")})
      .status;
}

TEST(ReduceScript, EndsWithTheStatusOfTheFirstVerbThatFails) {
  EXPECT_EQ(reduced("0", "0", "0"), 0);
  EXPECT_EQ(reduced("3", "0", "0"), 3);
  EXPECT_EQ(reduced("3", "2", "0"), 3);  // nothing to rank
  EXPECT_EQ(reduced("5", "0", "0"), 5);
  EXPECT_EQ(reduced("0", "5", "0"), 5);
  EXPECT_EQ(reduced("3", "4", "0"), 4);
  EXPECT_EQ(reduced("0", "2", "4"), 4);
}

}  // namespace
}  // namespace neurosweep
