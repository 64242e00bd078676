#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "experiments/experiment.hpp"
#include "experiments/task_entry.hpp"
#include "framework/tasks/formats.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> configs() {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(fs::path(NS_SOURCE_DIR) / "experiments/configs")) {
    if (entry.path().extension() == ".toml") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

class Configs : public ::testing::TestWithParam<std::string> {
 protected:
  // The task with its files as they are here, and without a model; its file is "" where it is absent.
  static TaskSpec here(TaskSpec spec) {
    constexpr std::string_view kBenchmarks = "/benchmarks/";
    const auto at = spec.file.find(kBenchmarks);
    if (at != std::string::npos) {
      const fs::path published =
          testing::shared_path("data/bench").value_or("") / fs::path(spec.file.substr(at + kBenchmarks.size()));
      spec.file = fs::exists(published.parent_path()) ? published.string() : "";
    }
    if (spec.chat == "model") spec.chat = "chatml";
    spec.sandbox = "limits-only";
    return spec;
  }
};

INSTANTIATE_TEST_SUITE_P(All, Configs, ::testing::ValuesIn(configs()), [](const auto& each) {
  std::string name = fs::path(each.param).stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST_P(Configs, AreStudiesOfKnownExperiments) {
  const StudySpec study = read_study(GetParam());

  EXPECT_EQ(study.settings.name, fs::path(GetParam()).stem().string());
  EXPECT_EQ(make_experiments(study).size(), study.experiments.size());
}

TEST_P(Configs, NameTasksWhoseItemsFillTheirPrompts) {
  std::size_t absent = 0;

  for (const TaskSpec& given : read_study(GetParam()).tasks) {
    const TaskSpec spec = here(given);
    if (spec.file.empty()) {
      ++absent;
      continue;
    }
    const TaskEntry task = read_task_entry(spec, {});

    for (const TaskItem& item : task.items) {
      const std::string question = item.question.substr(0, item.question.find_last_not_of(" \t\r\n") + 1);
      EXPECT_THAT(task.prompt.fill(item.fields), ::testing::HasSubstr(question)) << item.place;
      EXPECT_FALSE(task.target.fill(item.fields).empty()) << item.place;
    }
  }

  if (absent > 0) GTEST_SKIP() << absent << " published files are not here";
}

TEST(ConfigsTogether, ShowEveryFormat) {
  std::set<std::string> shown;

  for (const std::string& path : configs()) {
    for (const TaskSpec& task : read_study(path).tasks) shown.insert(task.format);
  }

  for (const TaskFormatKind& kind : format_kinds()) EXPECT_THAT(shown, ::testing::Contains(kind.name));
}

}  // namespace
}  // namespace neurosweep
