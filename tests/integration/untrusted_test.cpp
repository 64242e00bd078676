// What a study gives away, and what a store of somebody else can make the programs write.
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::read_file;
using testing::run_neurosweep;

class UntrustedTest : public testing::StudyTest {};

TEST_F(UntrustedTest, NothingOfTheEnvironmentIsKeptOrLoggedBesideTheJobsNumbers) {
  const std::string secret = "s3cr3t-0f-a-user";
  for (const char* name :
       {"HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "NEUROSWEEP_NOTE", "SLURM_JOB_COMMENT"}) {
    ::setenv(name, secret.c_str(), 1);
  }
  ::setenv("SLURM_JOB_ID", "4711", 1);
  const auto run = run_neurosweep({"run", write_study(), "--store", store(), "--log", "json"});
  const auto report = run_neurosweep({"report", store()});
  const auto status = run_neurosweep({"status", store(), "--format", "prometheus"});
  const auto timeline = run_neurosweep({"timeline", store(), "--out", store("timeline.json")});
  ::unsetenv("SLURM_JOB_ID");
  ASSERT_EQ(run.status, 0) << run.err;
  ASSERT_EQ(report.status, 0) << report.err;
  ASSERT_EQ(timeline.status, 0) << timeline.err;

  for (const auto* result : {&run, &report, &status, &timeline}) {
    EXPECT_THAT(result->out, Not(HasSubstr(secret)));
    EXPECT_THAT(result->err, Not(HasSubstr(secret)));
  }
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_THAT(read_file(entry.path().native()), Not(HasSubstr(secret))) << entry.path();
  }
  EXPECT_GE(files, 4);  // the study, results.db, a shard, the report
  EXPECT_EQ(query("SELECT slurm_job_id FROM launch")[0]["slurm_job_id"], "4711");
  for (const char* name :
       {"HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "NEUROSWEEP_NOTE", "SLURM_JOB_COMMENT"}) {
    ::unsetenv(name);
  }
}

TEST_F(UntrustedTest, AReportIsNotWrittenThroughALinkInTheStore) {
  run_study(store());
  const std::string mine = dir_.file("mine");
  testing::write_file(mine, "precious");
  fs::create_symlink(mine, store() + "/report.md");

  const auto report = run_neurosweep({"report", store()});

  ASSERT_EQ(report.status, 0) << report.err;
  EXPECT_EQ(read_file(mine), "precious");
  EXPECT_THAT(read_file(store() + "/report.md"), HasSubstr("# Study mini"));
}

TEST_F(UntrustedTest, AStoreWithALinkInPlaceOfItsResultsIsRefusedByEveryVerb) {
  run_study(store());
  fs::rename(store() + "/results.db", dir_.file("elsewhere.db"));
  fs::create_symlink(dir_.file("elsewhere.db"), store() + "/results.db");

  for (const char* verb : {"verify", "status", "report", "merge", "rank"}) {
    const auto result = run_neurosweep({verb, store()});
    EXPECT_EQ(result.status, exit_status::kStore) << verb;
    EXPECT_THAT(result.err, HasSubstr("is a symbolic link")) << verb;
  }
  const auto again = run_neurosweep({"run", write_study(), "--store", store()});
  EXPECT_EQ(again.status, exit_status::kStore) << again.err;
}

TEST_F(UntrustedTest, DeeplyNestedLinesAreRefusedInOneLine) {
  const auto result = run_neurosweep({"generate", "--model", testing::small_reasoner()},
                                     "{\"id\": " + std::string(300000, '[') + std::string(300000, ']') + "}\n");

  EXPECT_EQ(result.status, exit_status::kInput);
  EXPECT_THAT(result.err, HasSubstr("nested more than 500 deep"));
}

}  // namespace
}  // namespace neurosweep
