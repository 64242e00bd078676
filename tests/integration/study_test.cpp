#include <signal.h>

#include <gmock/gmock.h>

#include "tests/integration/ranks_at_work.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_neurosweep;
using testing::run_program;

class StudyRunTest : public testing::StudyTest {};

TEST_F(StudyRunTest, GoesFromStudyFileToRankedNeuronsAndReport) {
  const auto run = run_study(store());

  EXPECT_THAT(run.out, HasSubstr("complete: "));
  const auto rank = run_neurosweep({"rank", store(), "--json", "--top", "3"});
  ASSERT_EQ(rank.status, 0) << rank.err;
  const Json rows = parse_json(rank.out, "rank");
  ASSERT_GE(rows.size(), 3u);
  EXPECT_EQ(require<std::string>(rows[0], "experiment", "rank"), "sweep");
  const auto report = run_neurosweep({"report", store(), "--out", "-"});
  EXPECT_EQ(report.status, 0) << report.err;
  EXPECT_THAT(report.out, AllOf(HasSubstr("# Study mini"), HasSubstr("small"), HasSubstr("arith")));
  EXPECT_EQ(sound_hash(store()).size(), 32u);
}

TEST_F(StudyRunTest, GivesTheSameContentHashFor1And2And4Ranks) {
  run_study(store("one"));
  const std::string hash = sound_hash(store("one"));

  for (int ranks : {2, 4}) {
    auto words = testing::mpirun_words(ranks);
    const std::string dir = store(std::to_string(ranks));
    for (const std::string& word : {std::string("run"), write_study(), std::string("--store"), dir})
      words.push_back(word);
    const auto run = run_program(words);
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(sound_hash(dir), hash) << ranks << " ranks";
  }
}

TEST_F(StudyRunTest, RunAgainDoesNothingAndChangesNothing) {
  run_study(store());
  const std::string hash = sound_hash(store());

  const auto again = run_study(store());

  EXPECT_THAT(again.out, HasSubstr("complete: 0 units"));
  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(StudyRunTest, StopsOnRequestInEveryRoundWithStatus85AndGoesOn) {
  run_study(store("undisturbed"));
  const std::vector<std::string> words = {testing::neurosweep_path(), "run", write_study(), "--store", store()};

  for (const int round : {0, 1, 2}) {
    const auto program = testing::start_and_wait_for_work(words, store(), round);
    program->signal_group(SIGUSR1);
    EXPECT_EQ(program->wait(), exit_status::kCheckpointed) << round;
  }
  run_study(store());

  EXPECT_EQ(sound_hash(store()), sound_hash(store("undisturbed")));
}

TEST_F(StudyRunTest, AFailingUnitIsRecordedAndTheOthersAreDone) {
  const std::string tasks = dir_.file("tasks.jsonl");
  std::string lines;
  for (int i = 0; i < 4; ++i) {
    const std::string reasoning = i == 2 ? std::string(4000, '7') : "1+1=2";
    lines += fmt::format(
        "{{\"id\":\"i{}\",\"question\":\"calc:1+1\",\"reasoning\":\"{}\",\"answer\":\"2\",\"split\":\"identify\"}}\n",
        i, reasoning);
  }
  testing::write_file(tasks, lines);
  const std::string study = dir_.file("poison.toml");
  testing::write_file(study,
                      fmt::format("[study]\nname = \"p\"\n[models.small]\npath = \"{}\"\n[tasks.t]\nfile = \"{}\"\n"
                                  "target = \"{{reasoning}} {{answer}}\"\n[[experiment]]\nkind = \"sweep\"\n",
                                  testing::small_reasoner(), tasks));

  const auto run = run_neurosweep({"run", study, "--store", store()});

  EXPECT_EQ(run.status, exit_status::kFailedUnits) << run.err;
  EXPECT_THAT(run.err, HasSubstr("item 'i2': prompt and target have"));
  const auto failures = run_neurosweep({"query", store(), "failures", "--json"});
  EXPECT_THAT(failures.out, HasSubstr("prompt and target have"));
  const auto verify = run_neurosweep({"verify", store(), "--json"});
  EXPECT_EQ(verify.status, exit_status::kFailedUnits);
  const Json found = parse_json(verify.out, "verify");
  EXPECT_TRUE(found.at("problems").empty()) << verify.out;
  EXPECT_EQ(found.at("units").get<int>(), 3 * found.at("units_missing").get<int>());

  const auto left_out = run_neurosweep({"run", study, "--store", store()});
  const auto retried = run_neurosweep({"run", study, "--store", store(), "--retry-failed"});

  EXPECT_THAT(left_out.err, Not(HasSubstr("item 'i2'")));
  EXPECT_EQ(left_out.status, exit_status::kFailedUnits);
  EXPECT_THAT(retried.err, HasSubstr("units that failed are tried again"));
  EXPECT_THAT(retried.err, HasSubstr("item 'i2': prompt and target have"));
  EXPECT_EQ(query("SELECT max(n) AS n FROM (SELECT count(*) AS n FROM unit_failure GROUP BY round_id, unit)")
                .at(0)
                .at("n")
                .get<int>(),
            3);
}

TEST_F(StudyRunTest, PlanSaysWhatRunDoes) {
  const auto plan = run_neurosweep({"plan", write_study(), "--json"});
  ASSERT_EQ(plan.status, 0) << plan.err;
  run_study(store());

  const Json planned = parse_json(plan.out, "plan");
  const Json done = parse_json(run_neurosweep({"status", store(), "--json"}).out, "status");
  EXPECT_EQ(planned[0].at("experiment"), "trace");
  EXPECT_EQ(std::stoll(planned[0].at("units").get<std::string>()), done[0].at("units").get<std::int64_t>());
}

TEST_F(StudyRunTest, QueriesAnswerInEveryFormat) {
  run_study(store());

  const auto sql = run_neurosweep({"query", store(), "SELECT count(*) AS n FROM trace", "--format", "csv"});
  EXPECT_EQ(sql.out, "n\n144\n");
  const auto named = run_neurosweep({"query", store(), "accuracy_by_task", "--json"});
  EXPECT_EQ(named.status, 0) << named.err;
  EXPECT_TRUE(parse_json(named.out, "query").is_array());
  const auto writing = run_neurosweep({"query", store(), "DELETE FROM trace"});
  EXPECT_EQ(writing.status, exit_status::kInput);
}

}  // namespace
}  // namespace neurosweep
