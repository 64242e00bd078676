#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

const std::string kValidateStudy = testing::study_head("across", {"sort", "brackets"}) + R"([[experiment]]
kind = "race"
items = 8
top = 20
candidates = 80
controls = 20
rest = 20
budget = 0.15

[[experiment]]
kind = "validate"
from = "race"
items = 12
top = 20
random_sets = 2
items_per_unit = 5
)";

using ValidateTest = testing::StudyTest;

TEST_F(ValidateTest, JudgesEverySetOnEveryTaskAlikeFor1And2Ranks) {
  const std::string study = write_text("validate.toml", kValidateStudy);
  const auto alone = run_neurosweep({"run", study, "--store", store()});
  ASSERT_EQ(alone.status, 0) << alone.err;
  run_on_two_ranks(study, store("two"));

  const Json cells = query("validation");

  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  EXPECT_EQ(query("validation", "two"), cells);
  ASSERT_FALSE(cells.empty());
  EXPECT_EQ(cells.size() % 2, 0u) << "each set on both tasks";
  for (const Json& cell : cells) {
    EXPECT_EQ(cell.at("n").get<int>(), 12);
    EXPECT_NEAR(cell.at("difference").get<double>(),
                cell.at("accuracy").get<double>() - cell.at("random_accuracy").get<double>(), 1e-9);
  }
  EXPECT_THAT(run_neurosweep({"report", store(), "--out", "-"}).out, HasSubstr("## Validation across tasks"));
}

}  // namespace
}  // namespace neurosweep
