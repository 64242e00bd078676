// What `neurosweep submit` does without SLURM.
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

class SubmitTest : public testing::StudyTest {
 protected:
  testing::ProgramResult submit(const std::vector<std::string>& options) const {
    std::vector<std::string> words = {"submit", write_study(), "--store", store()};
    words.insert(words.end(), options.begin(), options.end());
    return testing::run_neurosweep(words);
  }

  /// As submit(), with programs of the test in the place of sbatch, which gives number 41, and of squeue, whose text is
  /// given.
  testing::ProgramResult submit_where_squeue(const std::string& does,
                                             const std::vector<std::string>& options = {}) const {
    write_program("sbatch", "echo 41");
    write_program("squeue", does);
    std::vector<std::string> words = {"env",
                                      "PATH=" + dir_.path().string() + ":/usr/bin:/bin",
                                      testing::neurosweep_path(),
                                      "submit",
                                      write_study(),
                                      "--store",
                                      store()};
    words.insert(words.end(), options.begin(), options.end());
    return testing::run_program(words);
  }

  void write_program(const std::string& name, const std::string& text) const {
    testing::write_file(dir_.file(name), "#!/bin/sh\n" + text + '\n');
    std::filesystem::permissions(dir_.file(name), std::filesystem::perms::owner_all);
  }
};

TEST_F(SubmitTest, DryRunPrintsBothScriptsAndWritesNothing) {
  const auto result = submit({"--dry-run", "--partition", "gpu", "--nodes", "2", "--set", "study.seed=4"});

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("#SBATCH --job-name=neurosweep-mini\n#SBATCH --partition=gpu\n"));
  EXPECT_THAT(result.out, HasSubstr("#SBATCH --nodes=2\n"));
  EXPECT_THAT(result.out, HasSubstr("' --set 'study.seed=4'\n"));
  EXPECT_THAT(result.out, HasSubstr("\"$neurosweep\" verify \"$store\"\n"));
  EXPECT_THAT(result.out, HasSubstr("sbatch --dependency=afterany:"));
  EXPECT_FALSE(std::filesystem::exists(store()));
}

TEST_F(SubmitTest, StudyThatDoesNotReadIsRefused) {
  const auto result = submit({"--dry-run", "--set", "study.sede=4"});

  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("sede"));
}

TEST_F(SubmitTest, ThreadsOfTheStudyNeedProcessors) {
  const auto result = submit({"--dry-run", "--set", "study.threads=4", "--cpus-per-task", "2"});

  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("4 threads a rank: ask for --cpus-per-task 4"));
}

TEST_F(SubmitTest, SlicesAndJobsAtOnceExcludeEachOther) {
  const auto result = submit({"--dry-run", "--array", "3", "--jobs", "2"});

  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--array 3 and --jobs 2"));
}

TEST_F(SubmitTest, JobsAtOnceAreCountedInWhatIsAsked) {
  const auto result = submit({"--dry-run", "--jobs", "4", "--tasks-per-node", "2", "--max-restarts", "0"});

  EXPECT_THAT(result.out, HasSubstr("asks:   4 jobs of 1 x 2 ranks"));
  EXPECT_THAT(result.out, HasSubstr("4 starts, 32 rank-hours at most"));
  EXPECT_THAT(result.out, HasSubstr(" --ranks 8"));
}

TEST_F(SubmitTest, WithoutALauncherThereIsOneRank) {
  const auto result = submit({"--dry-run", "--launcher", "none", "--tasks-per-node", "2"});

  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--launcher none starts one rank"));
}

TEST_F(SubmitTest, TellsWhatTheJobMayTakeAndHowToLearnWhatTheStudyNeeds) {
  const auto result = submit({"--dry-run", "--nodes", "2", "--tasks-per-node", "3", "--cpus-per-task", "4", "--time",
                              "12:00:00", "--max-restarts", "9", "--set", "study.seed=4"});

  EXPECT_THAT(result.out, HasSubstr("asks:   2 x 3 ranks (processors of each: 4) for 12:00:00 a start; 10 starts, 720 "
                                    "rank-hours at most\n"));
  EXPECT_THAT(result.out, HasSubstr("' --ranks 6 --set 'study.seed=4'\n"));
}

TEST_F(SubmitTest, TellsWhatTheStudyCostsOnRequest) {
  const auto result = submit({"--dry-run", "--plan", "--tasks-per-node", "2"});

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("total: about "));
  EXPECT_THAT(result.out, HasSubstr("with 2 ranks of 1 thread"));
}

TEST_F(SubmitTest, StudyThatCannotBePlannedIsNotSubmitted) {
  const auto result = submit_where_squeue("", {"--plan", "--set", "models.small.path=\"nowhere\""});

  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("nothing was submitted"));
  EXPECT_FALSE(std::filesystem::exists(store("store/slurm")));
}

TEST_F(SubmitTest, StoreThatAJobIsAtWorkOnIsNotSubmittedAgain) {
  ASSERT_EQ(submit_where_squeue("exit 1").status, 0);  // nothing to ask about yet

  const auto refused = submit_where_squeue("echo RUNNING neurosweep-mini");
  const auto allowed = submit_where_squeue("echo RUNNING neurosweep-mini", {"--again"});

  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("job 41 (RUNNING) is at work on " + store() + " already"));
  EXPECT_THAT(refused.err, HasSubstr("--again"));
  EXPECT_EQ(allowed.status, 0) << allowed.err;
}

TEST_F(SubmitTest, JobsThatEndedOrAreOfOthersByNowAreIgnored) {
  ASSERT_EQ(submit_where_squeue("").status, 0);

  for (const char* squeue :
       {"", "echo RUNNING something-else", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"}) {
    const auto result = submit_where_squeue(squeue);
    EXPECT_EQ(result.status, 0) << squeue << result.err;
  }
}

TEST_F(SubmitTest, QueueThatCannotBeAskedIsAnError) {
  ASSERT_EQ(submit_where_squeue("").status, 0);

  const auto result = submit_where_squeue("echo 'Unable to contact slurm controller' >&2; exit 1");

  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, HasSubstr("squeue cannot tell whether it has ended (Unable to contact slurm controller)"));
}

TEST_F(SubmitTest, MachineWithoutSbatchIsNamed) {
  const auto result = testing::run_program(
      {"env", "PATH=" + dir_.path().string(), testing::neurosweep_path(), "submit", write_study(), "--store", store()});

  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, HasSubstr("no sbatch here"));
}

}  // namespace
}  // namespace neurosweep
