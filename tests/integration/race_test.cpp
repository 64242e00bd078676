#include <set>

#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

const std::string kRaceStudy = testing::study_head("race", {"arith", "sort"}) + R"([[experiment]]
kind = "race"
items = 8
top = 20
candidates = 80
controls = 20
rest = 20
budget = 0.15
items_per_unit = 3
arms_per_unit = 40
)";

constexpr const char* kSweepOfAll = R"(
[[experiment]]
kind = "sweep"
candidates = "all"
items = 8
controls = 0
)";

constexpr const char* kSuppress = R"(
[[experiment]]
kind = "suppress"
from = "race"
split = "test"
items = 2
top = 5
pooled = true
random_sets = 1
)";

using RaceTest = testing::StudyTest;

TEST_F(RaceTest, FindsTheTopOfASweepOfAllNeuronsForAFractionOfItsArithmetic) {
  const auto run = run_neurosweep({"run", write_text("race.toml", kRaceStudy + kSweepOfAll), "--store", store()});
  ASSERT_EQ(run.status, 0) << run.err;

  const Json found = query(
      "SELECT count(*) AS n FROM race_neuron AS r JOIN neuron_effect AS e USING (model, layer, neuron) "
      "WHERE r.rank_no IS NOT NULL AND e.experiment = 'sweep' AND e.task = '*' AND e.metric = 'reasoning_logprob' "
      "AND e.rank_no <= 20");
  const Json result = query("SELECT * FROM race_result").at(0);

  EXPECT_GE(found.at(0).at("n").get<int>(), 15);
  EXPECT_EQ(result.at("n_neurons").get<int>(), 1024);
  EXPECT_EQ(result.at("n_items").get<int>(), 16);
  EXPECT_LE(result.at("screen_forwards").get<double>() + result.at("exact_forwards").get<double>(),
            0.15 * result.at("brute_forwards").get<double>());
  EXPECT_LE(result.at("recall_low").get<double>(), result.at("recall").get<double>());
  EXPECT_LE(result.at("recall").get<double>(), result.at("recall_high").get<double>());
  const Json wrong = query(
      "SELECT count(*) AS n FROM race_neuron AS r JOIN neuron_effect AS e USING (model, layer, neuron) "
      "WHERE e.experiment = 'sweep' AND e.task = '*' AND e.metric = 'reasoning_logprob' "
      "AND NOT e.mean BETWEEN r.ci_low - 1e-4 AND r.ci_high + 1e-4");
  EXPECT_LE(wrong.at(0).at("n").get<int>(), 6) << "of 120 neurons";
}

TEST_F(RaceTest, GivesTheSameContentHashFor1And2RanksAndItsSetCanBeSuppressed) {
  const std::string study = write_text("race.toml", kRaceStudy + kSuppress);
  const auto alone = run_neurosweep({"run", study, "--store", store()});
  ASSERT_EQ(alone.status, 0) << alone.err;

  run_on_two_ranks(study, store("two"));

  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  EXPECT_EQ(query("SELECT count(*) AS n FROM set_effect WHERE set_name = 'critical'").at(0).at("n").get<int>(), 3);
}

TEST_F(RaceTest, SaysThatABudgetIsTooSmallForTheScreen) {
  const auto run = run_neurosweep(
      {"run", write_text("race.toml", kRaceStudy), "--store", store(), "--set", "experiment.race.budget=0.001"});

  EXPECT_EQ(run.status, exit_status::kInput);
  EXPECT_THAT(run.err, HasSubstr("raise budget"));
}

}  // namespace
}  // namespace neurosweep
