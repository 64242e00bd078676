#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;
using testing::run_program;

constexpr const char* kPredictStudy = R"([study]
name = "foretell"
seed = 5

[models.small]
path = "@models@/reasoner-small"

[tasks.sort]
file = "@models@/tasks/sort.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[tasks.compare]
file = "@models@/tasks/compare.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[[experiment]]
kind = "predict"
items = 24
features = 32
hidden = 16
epochs = 6
items_per_unit = 10
)";

constexpr const char* kDerivedSql = "SELECT task, item, split, failed, p_fail FROM failure_prediction ORDER BY 1, 2";

class PredictTest : public testing::StudyTest {
 protected:
  std::string write_predict() const {
    std::string text = kPredictStudy;
    const std::string models = NS_SOURCE_DIR "/experiments/models", mark = "@models@";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), models);
    }
    testing::write_file(dir_.file("predict.toml"), text);
    return dir_.file("predict.toml");
  }

  std::string query(const std::string& store, const std::string& sql) const {
    const auto result = run_neurosweep({"query", store, sql, "--format", "json"});
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
};

TEST_F(PredictTest, PredictsEveryItemAndSaysHowWell) {
  const auto run = run_neurosweep({"run", write_predict(), "--store", store()});
  ASSERT_EQ(run.status, 0) << run.err;

  const Json counts = parse_json(
      query(store(), "SELECT split, count(*) AS n FROM failure_prediction GROUP BY split ORDER BY split"), "query");
  const Json quality =
      parse_json(query(store(),
                       "SELECT count(*) AS n, count(DISTINCT predictor) AS predictors, min(ece_low) AS low "
                       "FROM prediction_quality"),
                 "query");
  const Json features =
      parse_json(query(store(), "SELECT count(*) AS n FROM set_member WHERE set_name = 'features'"), "query");
  const Json outcomes =
      parse_json(query(store(),
                       "SELECT count(*) AS n FROM failure_prediction AS p JOIN trace AS t USING (model, task, item) "
                       "WHERE p.failed = 1 - t.correct"),
                 "query");

  ASSERT_EQ(counts.size(), 3u);
  for (const Json& split : counts) EXPECT_EQ(split.at("n").get<int>(), 48) << split.dump();
  EXPECT_EQ(quality.at(0).at("predictors").get<int>(), 5);
  EXPECT_EQ(quality.at(0).at("n").get<int>(), 5 * 3 * 3);
  EXPECT_EQ(features.at(0).at("n").get<int>(), 32);
  EXPECT_EQ(outcomes.at(0).at("n").get<int>(), 144);
  const auto report = run_neurosweep({"report", store(), "--out", dir_.file("report.md")});
  ASSERT_EQ(report.status, 0) << report.err;
  const std::string text = testing::read_file(dir_.file("report.md"));
  EXPECT_THAT(text, HasSubstr("## Prediction of failure (experiment predict)"));
  EXPECT_THAT(text, HasSubstr("<svg"));
  const auto named = run_neurosweep({"query", store(), "predictions"});
  EXPECT_EQ(named.status, 0) << named.err;
}

TEST_F(PredictTest, GivesTheSameContentAndPredictionsFor2RanksAndWhenRunAgain) {
  const std::string study = write_predict();
  ASSERT_EQ(run_neurosweep({"run", study, "--store", store()}).status, 0);
  const std::string first = query(store(), kDerivedSql);

  auto words = testing::mpirun_words(2);
  for (const std::string& word : {std::string("run"), study, std::string("--store"), store("two")}) {
    words.push_back(word);
  }
  const auto together = run_program(words);
  const auto again = run_neurosweep({"run", study, "--store", store()});

  ASSERT_EQ(together.status, 0) << together.err;
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  EXPECT_EQ(query(store("two"), kDerivedSql), first);
  EXPECT_EQ(query(store(), kDerivedSql), first);
}

TEST_F(PredictTest, LearnsFromSharesOfSampledAttemptsAndTellsTheCeiling) {
  const auto run = run_neurosweep({"run", write_predict(), "--store", store(), "--set", "experiment.predict.attempts=4",
                                   "--set", "experiment.predict.temperature=1"});
  ASSERT_EQ(run.status, 0) << run.err;

  const Json ceilings =
      parse_json(query(store(),
                       "SELECT count(*) AS n FROM prediction_quality WHERE repeat_auroc <= ceiling_auroc "
                       "AND ceiling_auroc <= 1"),
                 "query");

  EXPECT_EQ(ceilings.at(0).at("n").get<int>(), 5 * 3 * 3);
}

TEST_F(PredictTest, RefusesRepeatedGreedyAttempts) {
  const auto run =
      run_neurosweep({"run", write_predict(), "--store", store(), "--set", "experiment.predict.attempts=4"});

  EXPECT_EQ(run.status, exit_status::kInput);
  EXPECT_THAT(run.err, HasSubstr("set a temperature"));
}

TEST_F(PredictTest, RefusesAnUnknownPooling) {
  const auto run =
      run_neurosweep({"run", write_predict(), "--store", store(), "--set", "experiment.predict.pooling=max"});

  EXPECT_EQ(run.status, exit_status::kInput);
  EXPECT_THAT(run.err, HasSubstr("attention, mean, last"));
}

}  // namespace
}  // namespace neurosweep
