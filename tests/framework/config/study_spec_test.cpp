#include "framework/config/study_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kStudy = R"(
[study]
name = "mini"
seed = 5
[models.small]
path = "models/small"
[tasks.arith]
file = "/data/arith.jsonl"
grader = "after"
[[experiment]]
kind = "trace"
items = 4
[[experiment]]
kind = "trace"
name = "more"
)";

class StudySpecTest : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = dir_.file("study.toml");
    testing::write_file(path, text);
    return path;
  }
  void expect_refused(const std::string& text, const std::string& message) {
    const std::string path = write(text);
    expect_error(ErrorKind::input, AllOf(HasSubstr(path), HasSubstr(message)), [&] { read_study(path); });
  }
  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  }
  testing::TempDir dir_;
};

TEST_F(StudySpecTest, ReadsNamesPathsAndDefaults) {
  const StudySpec study = read_study(write(kStudy));

  EXPECT_EQ(study.settings.seed, 5);
  EXPECT_EQ(study.settings.threads, 1);
  EXPECT_EQ(study.model("small").path, dir_.file("models/small"));
  EXPECT_EQ(study.task("arith").file, "/data/arith.jsonl");
  EXPECT_EQ(study.task("arith").format, "jsonl");
  EXPECT_EQ(study.task("arith").prompt, "");
  ASSERT_EQ(study.experiments.size(), 2u);
  EXPECT_EQ(study.experiments[0].name, "trace");
  EXPECT_EQ(study.experiments[1].name, "more");
}

TEST_F(StudySpecTest, AppliesSettingsAndKeepsThemInTheText) {
  const StudySpec study = read_study(write(kStudy), {"study.seed=11"});

  EXPECT_EQ(study.settings.seed, 11);
  EXPECT_THAT(study.toml, HasSubstr("--set study.seed=11"));
}

TEST_F(StudySpecTest, NamesTheNearestKeyAndThePlaceOfAnUnknownOne) {
  expect_refused(replaced(kStudy, "seed = 5", "sead = 5"), ":4:1: unknown key 'sead' in [study]; did you mean 'seed'?");
  expect_refused(replaced(kStudy, "grader", "gradr"), "did you mean 'grader'?");
  expect_refused(replaced(kStudy, "[tasks.arith]", "[task.arith]"), "did you mean 'tasks'?");
}

TEST_F(StudySpecTest, RefusesWrongTypesAndRanges) {
  expect_refused(replaced(kStudy, "seed = 5", "seed = \"5\""), "'seed' in [study] must be an integer, found string");
  expect_refused(replaced(kStudy, "seed = 5", "threads = 0"), "between 1 and 1024, found 0");
  expect_refused(replaced(kStudy, "path = \"models/small\"", "path = 3"), "must be a string, found integer");
}

TEST_F(StudySpecTest, RefusesMissingTablesKeysAndDuplicateNames) {
  expect_refused("[study]\nname = \"a\"\n", "lacks a [models.<name>] table");
  expect_refused(replaced(kStudy, "name = \"mini\"", "seed = 5"), "");
  expect_refused(replaced(kStudy, "file = \"/data/arith.jsonl\"", ""), "[tasks.arith] lacks the key 'file'");
  expect_refused(replaced(kStudy, "name = \"more\"", ""), "two experiments are named 'trace'");
}

TEST(ChooseNames, EmptyMeansAllAndUnknownIsAnError) {
  const std::vector<std::string> known = {"arith", "sort"};

  EXPECT_EQ(choose_names({}, known, "task", {"s.toml", 1, 1}), known);
  EXPECT_EQ(choose_names({"sort"}, known, "task", {"s.toml", 1, 1}), std::vector<std::string>{"sort"});
  expect_error(ErrorKind::input, HasSubstr("s.toml:1:1: no task named 'sorts'; did you mean 'sort'?"), [&] {
    choose_names({"sorts"}, known, "task", {"s.toml", 1, 1});
  });
}

}  // namespace
}  // namespace neurosweep
