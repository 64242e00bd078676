#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

const std::string kPredictStudy = testing::study_head("foretell", {"sort", "compare"}) + R"([[experiment]]
kind = "predict"
items = 24
features = 32
hidden = 16
epochs = 6
items_per_unit = 10
)";

constexpr const char* kDerivedSql = "SELECT task, item, split, failed, p_fail FROM failure_prediction ORDER BY 1, 2";

using PredictTest = testing::StudyTest;

TEST_F(PredictTest, PredictsEveryItemAndSaysHowWell) {
  const auto run = run_neurosweep({"run", write_text("predict.toml", kPredictStudy), "--store", store()});
  ASSERT_EQ(run.status, 0) << run.err;

  const Json counts = query("SELECT split, count(*) AS n FROM failure_prediction GROUP BY split ORDER BY split");
  const Json quality = query(
      "SELECT count(*) AS n, count(DISTINCT predictor) AS predictors, min(ece_low) AS low "
      "FROM prediction_quality");
  const Json features = query("SELECT count(*) AS n FROM set_member WHERE set_name = 'features'");
  const Json outcomes = query(
      "SELECT count(*) AS n FROM failure_prediction AS p JOIN trace AS t USING (model, task, item) "
      "WHERE p.failed = 1 - t.correct");

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
  const std::string study = write_text("predict.toml", kPredictStudy);
  ASSERT_EQ(run_neurosweep({"run", study, "--store", store()}).status, 0);
  const Json first = query(kDerivedSql);

  run_on_two_ranks(study, store("two"));
  const auto again = run_neurosweep({"run", study, "--store", store()});

  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  EXPECT_EQ(query(kDerivedSql, "two"), first);
  EXPECT_EQ(query(kDerivedSql), first);
}

TEST_F(PredictTest, LearnsFromSharesOfSampledAttemptsAndTellsTheCeiling) {
  const auto run = run_neurosweep({"run", write_text("predict.toml", kPredictStudy), "--store", store(), "--set",
                                   "experiment.predict.attempts=4", "--set", "experiment.predict.temperature=1"});
  ASSERT_EQ(run.status, 0) << run.err;

  const Json ceilings = query(
      "SELECT count(*) AS n FROM prediction_quality WHERE repeat_auroc <= ceiling_auroc "
      "AND ceiling_auroc <= 1");

  EXPECT_EQ(ceilings.at(0).at("n").get<int>(), 5 * 3 * 3);
}

TEST_F(PredictTest, RefusesRepeatedGreedyAttempts) {
  const auto run = run_neurosweep(
      {"run", write_text("predict.toml", kPredictStudy), "--store", store(), "--set", "experiment.predict.attempts=4"});

  EXPECT_EQ(run.status, exit_status::kInput);
  EXPECT_THAT(run.err, HasSubstr("set a temperature"));
}

TEST_F(PredictTest, RefusesAnUnknownPooling) {
  const auto run = run_neurosweep({"run", write_text("predict.toml", kPredictStudy), "--store", store(), "--set",
                                   "experiment.predict.pooling=max"});

  EXPECT_EQ(run.status, exit_status::kInput);
  EXPECT_THAT(run.err, HasSubstr("attention, mean, last"));
}

}  // namespace
}  // namespace neurosweep
