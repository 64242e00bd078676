#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

const std::string kSteerStudy = testing::study_head("steer", {"compare", "sort"}) + R"([[experiment]]
kind = "trace"
items = 10
attempts = 6

[[experiment]]
kind = "gradient"
items = 30
items_per_unit = 8

[[experiment]]
kind = "gradient"
name = "pairs"
from = "trace"

[[experiment]]
kind = "learn"
from = "gradient"
items = 40
top = 20
steps = 8
batch = 10

[[experiment]]
kind = "template"
from = "trace"
neurons = "gradient"
top = 10

[[experiment]]
kind = "steer"
validate_items = 8
test_items = 12
strengths = [0.5, 1]
items_per_unit = 5

[[experiment.variant]]
name = "learned"
from = "learn"
random_draws = 1

[[experiment.variant]]
name = "pairs"
from = "pairs"
pooled = true
values = "equal"
top = 5
strengths = [0.3]

[[experiment.variant]]
name = "pattern"
from = "template"
scope = "first"
steps = 3
cap = 0.5
doubt = "margin"
)";

class SteerTest : public testing::StudyTest {
 protected:
  std::string write_steer(const std::string& from = "", const std::string& to = "") const {
    std::string text = kSteerStudy;
    if (!from.empty()) text.replace(text.find(from), from.size(), to);
    return write_text("steer.toml", text);
  }

  void expect_refused(const std::string& from, const std::string& to, const std::string& why) const {
    const auto run = run_neurosweep({"run", write_steer(from, to), "--store", store("refused")});
    EXPECT_EQ(run.status, exit_status::kInput);
    EXPECT_THAT(run.err, HasSubstr(why));
    EXPECT_THAT(run.err, HasSubstr("steer.toml:"));
  }
};

TEST_F(SteerTest, FindsDirectionsChoosesStrengthsAndJudgesThemOnOtherItemsWhateverTheRanks) {
  const std::string study = write_steer();
  const auto alone = run_neurosweep({"run", study, "--store", store()});
  ASSERT_EQ(alone.status, 0) << alone.err;

  run_on_two_ranks(study, store("two"));

  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  const Json tested = query("SELECT * FROM steer_effect WHERE stage = 'test' AND task = '*' ORDER BY variant");
  ASSERT_EQ(tested.size(), 4U);
  for (const Json& row : tested) {
    EXPECT_EQ(row.at("n").get<int>(), 24);
    EXPECT_EQ(row.at("n_steered").get<int>(), 24);
    EXPECT_NEAR(row.at("change").get<double>(), (row.at("fixed").get<int>() - row.at("broken").get<int>()) / 24.0,
                1e-9);
  }
  EXPECT_EQ(tested.at(1).at("variant"), "learned random 00");
  EXPECT_EQ(query("SELECT count(*) AS n FROM steer_arm WHERE round_id = (SELECT max(round_id) FROM steer_arm)")
                .at(0)
                .at("n")
                .get<int>(),
            8);
  const Json equal =
      query("SELECT count(DISTINCT round(abs(value), 6)) AS sizes FROM set_member WHERE set_name = 'pairs'");
  EXPECT_EQ(equal.at(0).at("sizes").get<int>(), 1);
  ASSERT_EQ(run_neurosweep({"report", store()}).status, 0);
  EXPECT_THAT(testing::read_file(store() + "/report.md"), HasSubstr("## Steering: steer"));
}

TEST_F(SteerTest, RefusesStudiesThatWouldJudgeWhatTheyChoseOrCannotSteer) {
  expect_refused("items = 40", "items = 40\nsplit = \"test\"", "what judges it must not have chosen it");
  expect_refused("cap = 0.5", "strengths = [1.5]", "pull beyond the template");
  expect_refused("steps = 3", "", "belong together");
  expect_refused("from = \"pairs\"", "from = \"trace\"", "no earlier experiment of kind");
  expect_refused("doubt = \"margin\"", "doubt = \"surprise\"", "unknown measure of doubt");
  expect_refused("values = \"equal\"", "value = \"equal\"", "did you mean 'values'?");
  expect_refused("name = \"pattern\"", "name = \"pairs\"", "the name is there twice");
  expect_refused("doubt = \"margin\"", "difficulty = true", "difficulty needs a gate");
}

}  // namespace
}  // namespace neurosweep
