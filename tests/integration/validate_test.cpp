#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;
using testing::run_program;

constexpr const char* kValidateStudy = R"([study]
name = "across"
seed = 5

[models.small]
path = "@models@/reasoner-small"

[tasks.sort]
file = "@models@/tasks/sort.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[tasks.brackets]
file = "@models@/tasks/brackets.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[[experiment]]
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

class ValidateTest : public testing::StudyTest {
 protected:
  std::string write_validate() const {
    std::string text = kValidateStudy;
    const std::string models = NS_SOURCE_DIR "/experiments/models", mark = "@models@";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), models);
    }
    testing::write_file(dir_.file("validate.toml"), text);
    return dir_.file("validate.toml");
  }
};

TEST_F(ValidateTest, JudgesEverySetOnEveryTaskAlikeFor1And2Ranks) {
  const std::string study = write_validate();
  const auto alone = run_neurosweep({"run", study, "--store", store()});
  ASSERT_EQ(alone.status, 0) << alone.err;
  auto words = testing::mpirun_words(2);
  for (const std::string& word : {std::string("run"), study, std::string("--store"), store("two")}) {
    words.push_back(word);
  }
  const auto together = run_program(words);
  ASSERT_EQ(together.status, 0) << together.err;

  const auto matrix = run_neurosweep({"query", store(), "validation", "--format", "json"});
  const auto matrix_of_two = run_neurosweep({"query", store("two"), "validation", "--format", "json"});
  const Json cells = parse_json(matrix.out, "query");

  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  EXPECT_EQ(matrix.out, matrix_of_two.out);
  ASSERT_FALSE(cells.empty()) << matrix.err;
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
