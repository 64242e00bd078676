#include <map>
#include <sstream>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

const std::string kMonitorStudy = testing::study_head("watch", {"sort", "compare"}) + R"([[experiment]]
kind = "monitor"
items = 48
features = 16
every = 4
false_alarms = [0.1, 0.3]
)";

using MonitorTest = testing::StudyTest;

/// The question of an item of a bundled task.
std::string question_of(const std::string& task, const std::string& id) {
  std::istringstream lines(testing::read_file(testing::small_reasoner() + "/../tasks/" + task + ".jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const Json item = parse_json(line, task);
    if (item.at("id") == id) return item.at("question").get<std::string>();
  }
  ADD_FAILURE() << "no item " << id;
  return "";
}

TEST_F(MonitorTest, JudgesEveryMomentAndAlarmOnHeldOutItems) {
  const auto run = run_neurosweep({"run", write_text("watch.toml", kMonitorStudy), "--store", store()});
  ASSERT_EQ(run.status, 0) << run.err;

  const Json readings =
      query("SELECT count(*) AS n, min(n / n_rows) AS low, max(n / n_rows) AS high FROM monitor_reading");
  EXPECT_EQ(readings.at(0).at("n").get<int>(), 2 * 3 * 48);
  EXPECT_EQ(readings.at(0).at("low").get<int>(), 5 + 3 * 16);
  EXPECT_EQ(readings.at(0).at("high").get<int>(), 5 + 3 * 16);
  const Json shared = query(
      "SELECT count(*) AS n FROM (SELECT item FROM monitor_risk GROUP BY task, item HAVING count(DISTINCT split) > 1)");
  EXPECT_EQ(shared.at(0).at("n").get<int>(), 0);
  const Json quality = query(
      "SELECT count(DISTINCT predictor) AS predictors, count(DISTINCT reading) AS readings, min(auroc) AS low "
      "FROM monitor_quality WHERE split = 'test'");
  EXPECT_EQ(quality.at(0).at("predictors").get<int>(), 7);
  EXPECT_EQ(quality.at(0).at("readings").get<int>(), 3);
  const Json kept = query(
      "SELECT count(*) AS n FROM monitor_alarm WHERE task = '*' AND split = 'validate' AND false_alarms > rate * "
      "n_right");
  EXPECT_EQ(kept.at(0).at("n").get<int>(), 0) << "the replies that set a threshold keep its rate by construction";
  const Json halves = query(
      "SELECT max(f.n_validate) AS calibrates, max(a.n_right + a.n_failed) AS sets FROM monitor_fit AS f, "
      "monitor_alarm "
      "AS a WHERE a.task = '*' AND a.split = 'validate'");
  EXPECT_EQ(halves.at(0).at("calibrates").get<int>() + halves.at(0).at("sets").get<int>(), 2 * 48);
  EXPECT_GT(halves.at(0).at("sets").get<int>(), 2 * 48 / 4);
  const Json answers = query(
      "SELECT count(*) AS n FROM monitor_reading AS m JOIN trace AS t USING (round_id, unit, seq) "
      "WHERE m.answer_token >= t.n_tokens OR (t.answer IS NOT NULL AND m.answer_token IS NULL)");
  EXPECT_EQ(answers.at(0).at("n").get<int>(), 0);
  const auto report = run_neurosweep({"report", store(), "--out", dir_.file("report.md")});
  ASSERT_EQ(report.status, 0) << report.err;
  const std::string text = testing::read_file(dir_.file("report.md"));
  EXPECT_THAT(text, HasSubstr("## Early warning (experiment monitor)"));
  EXPECT_THAT(text, HasSubstr("<svg"));
}

TEST_F(MonitorTest, GivesTheSameContentForTwoRanks) {
  const std::string study = write_text("watch.toml", kMonitorStudy);
  ASSERT_EQ(run_neurosweep({"run", study, "--store", store()}).status, 0);
  run_on_two_ranks(study, store("two"));

  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  constexpr const char* kAlarms = "SELECT * FROM monitor_alarm ORDER BY 1, 2, 3, 4, 5, 6";
  EXPECT_EQ(query(kAlarms, "two"), query(kAlarms));
}

TEST_F(MonitorTest, TheExportedMonitorGivesTheRisksOfTheStudy) {
  ASSERT_EQ(run_neurosweep({"run", write_text("watch.toml", kMonitorStudy), "--store", store()}).status, 0);
  const std::string file = dir_.file("monitor.json");
  const auto exported =
      run_neurosweep({"export", store(), "--experiment", "monitor", "--model", "small", "--out", file});
  ASSERT_EQ(exported.status, 0) << exported.err;
  const Json items = query("SELECT DISTINCT item FROM monitor_risk WHERE task = 'sort' AND split = 'test' LIMIT 5");
  std::string prompts;
  std::map<std::string, Json> expected;
  for (const Json& row : items) {
    const auto item = row.at("item").get<std::string>();
    expected[item] = query("SELECT tokens, risk FROM monitor_risk WHERE item = '" + item + "' ORDER BY tokens");
    const auto question = question_of("sort", item);
    prompts += json_text({{"id", item}, {"text", question + "\n"}}) + "\n";
  }

  const auto watched = run_neurosweep(
      {"monitor", "--model", testing::small_reasoner(), "--monitor", file, "--false-alarms", "0.3"}, prompts);

  ASSERT_EQ(watched.status, 0) << watched.err;
  std::istringstream lines(watched.out);
  int seen = 0;
  for (std::string line; std::getline(lines, line); ++seen) {
    const Json json = parse_json(line, "monitor");
    const Json& risks = expected.at(json.at("id").get<std::string>());
    ASSERT_EQ(json.at("risk").size(), risks.size());
    for (std::size_t i = 0; i < risks.size(); ++i) {
      EXPECT_EQ(json.at("risk")[i].at("tokens"), risks[i].at("tokens"));
      EXPECT_NEAR(json.at("risk")[i].at("risk").get<double>(), risks[i].at("risk").get<double>(), 1e-4);
    }
  }
  EXPECT_EQ(seen, 5);
}

TEST_F(MonitorTest, RefusesAnotherCheckpointAndBadKeys) {
  const auto refused = [&](const std::string& setting, const std::string& why) {
    const auto run = run_neurosweep({"run", write_text("watch.toml", kMonitorStudy), "--store", store("bad"), "--set",
                                     "experiment.monitor." + setting});
    EXPECT_EQ(run.status, exit_status::kInput);
    EXPECT_THAT(run.err, HasSubstr(why));
  };
  refused("reads=logprob", "reads = 'logprob' (valid: both, neurons, output)");
  refused("false_alarms=[]", "false_alarms is empty");
  refused("neurons=nothing", "no earlier experiment");
  const auto missing = run_neurosweep({"monitor", "--model", testing::small_reasoner()}, "");
  EXPECT_EQ(missing.status, exit_status::kInput);
  EXPECT_THAT(missing.err, HasSubstr("--monitor FILE is missing"));
}

}  // namespace
}  // namespace neurosweep
