#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;
using testing::run_program;

constexpr const char* kStudy = R"([study]
name = "methods"
seed = 3

[models.small]
path = "@models@/reasoner-small"

[tasks.arith]
file = "@models@/tasks/arith.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[tasks.sort]
file = "@models@/tasks/sort.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[[experiment]]
kind = "trace"
items = 12
attempts = 8
stop_after = 2
keep_last = true
geometry = true
items_per_unit = 3

[[experiment]]
kind = "identify"
name = "contrast"
from = "trace"
polarity = false

[[experiment]]
kind = "identify"
name = "probe"
from = "trace"
method = "probe"

[[experiment]]
kind = "identify"
name = "random"
from = "trace"
method = "random"
polarity = false

[[experiment]]
kind = "sweep"
candidates = "all"
items = 4
controls = 60
fdr = 1.0

[[experiment]]
kind = "compare"
of = ["contrast", "probe", "random", "sweep"]
truth = "sweep"
resamples = 100
)";

using CompareStudyTest = testing::StudyTest;

TEST_F(CompareStudyTest, PutsMethodsSideBySideAndStopsAttemptsEarly) {
  const auto run = run_neurosweep({"run", write_text("methods.toml", kStudy), "--store", store()});
  ASSERT_EQ(run.status, 0) << run.err;

  const Json agreement = query("agreement");
  const Json most = query("SELECT item, sum(correct) AS r, count(*) AS n FROM trace GROUP BY task, item");
  const Json directions = query(
      "SELECT experiment, sum(value * value) AS square FROM direction WHERE task = '*' "
      "GROUP BY experiment ORDER BY experiment");
  const Json methods = query("methods");

  EXPECT_EQ(agreement.size(), 3u);
  for (const Json& item : most) {
    const int right = item.at("r").get<int>(), n = item.at("n").get<int>();
    const bool enough = right >= 2 && n - right >= 2;
    EXPECT_TRUE(n == 8 || enough) << item.dump();
    EXPECT_TRUE(n == 4 || n == 6 || n == 8) << item.dump();
  }
  EXPECT_EQ(query("SELECT count(*) AS n FROM activation_last").at(0).at("n"),
            query("SELECT count(*) AS n FROM trace").at(0).at("n"));
  ASSERT_EQ(directions.size(), 3u);
  EXPECT_DOUBLE_EQ(directions.at(0).at("square").get<double>(), directions.at(2).at("square").get<double>())
      << "random neurons are pushed as far as the contrast's";
  EXPECT_EQ(query("SELECT DISTINCT method FROM method_quality").size(), 4u);
  for (const Json& row : methods) {
    EXPECT_TRUE(row.at("method") != "sweep" || row.at("recall").get<double>() == 1) << row.dump();
    EXPECT_EQ(row.at("stability").is_null(), row.at("method") != "contrast") << row.dump();
  }
  EXPECT_THAT(run.err, HasSubstr("have correct and incorrect attempts"));
  EXPECT_THAT(run_neurosweep({"report", store(), "--out", "-"}).out, HasSubstr("side by side (experiment compare)"));
}

TEST_F(CompareStudyTest, GivesTheSameStoreForOtherSlotsAndTwoRanks) {
  const std::string study = write_text("methods.toml", kStudy);
  const auto alone = run_neurosweep({"run", study, "--store", store()});
  ASSERT_EQ(alone.status, 0) << alone.err;
  auto words = testing::mpirun_words(2);
  for (const std::string& word : {std::string("run"), study, std::string("--store"), store("two"), std::string("--set"),
                                  std::string("experiment.trace.slots=5")}) {
    words.push_back(word);
  }

  const auto together = run_program(words);

  ASSERT_EQ(together.status, 0) << together.err;
  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  EXPECT_EQ(query("methods", "two"), query("methods"));
  EXPECT_EQ(query("probes", "two"), query("probes"));
  EXPECT_EQ(query("geometry", "two"), query("geometry"));
}

TEST_F(CompareStudyTest, SaysWhatIsWrongWithItsKeys) {
  const std::string study = write_text("methods.toml", kStudy);
  const auto failure_of = [&](const std::string& setting) {
    const auto run = run_neurosweep({"run", study, "--store", store(), "--set", setting});
    EXPECT_EQ(run.status, exit_status::kInput) << setting;
    return run.err;
  };

  EXPECT_THAT(failure_of("experiment.trace.stop_after=5"), HasSubstr("wants 10 attempts at an item at least"));
  EXPECT_THAT(failure_of("experiment.probe.method=\"prob\""), HasSubstr("none of: contrast, probe, attribution"));
  EXPECT_THAT(failure_of("experiment.compare.truth=\"contrast\""), HasSubstr("no earlier experiment of kind sweep"));
  EXPECT_THAT(failure_of("experiment.compare.of=[\"contrast\"]"), HasSubstr("two experiments or more"));
  EXPECT_THAT(failure_of("experiment.compare.resamples=10"), HasSubstr("resamples"));
}

}  // namespace
}  // namespace neurosweep
