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

TEST_F(SubmitTest, WithoutALauncherThereIsOneRank) {
  const auto result = submit({"--dry-run", "--launcher", "none", "--tasks-per-node", "2"});

  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--launcher none starts one rank"));
}

TEST_F(SubmitTest, MachineWithoutSbatchIsNamed) {
  const auto result = testing::run_program(
      {"env", "PATH=" + dir_.path().string(), testing::neurosweep_path(), "submit", write_study(), "--store", store()});

  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, HasSubstr("no sbatch here"));
}

}  // namespace
}  // namespace neurosweep
