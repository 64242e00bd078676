#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;

/// The rooms that files of a room may include, besides their own.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"base", {}},
    {"config", {"base"}},
    {"text", {"base", "config"}},
    {"tasks", {"base", "config", "text"}},
    {"model", {"base", "config"}},
    {"intervene", {"base", "model"}},
    {"results_schema", {"base"}},
    {"measure", {"base", "config", "text", "tasks", "model", "intervene", "results_schema"}},
    {"store", {"base", "results_schema"}},
    {"steer", {"base", "config", "text", "tasks", "model", "intervene", "measure", "results_schema", "store", "rank"}},
    {"rank", {"base", "results_schema", "store"}},
    {"report", {"base", "results_schema", "store", "rank"}},
    {"cluster", {"base"}},
};

const std::set<std::string> kWithoutTorch = {"base", "config",         "text",  "tasks", "cluster",
                                             "rank", "results_schema", "store", "report"};

std::string room_of(const std::string& path) {
  static const std::regex pattern("(?:framework/)?([a-z_]+)/.*");
  std::smatch match;
  return std::regex_match(path, match, pattern) ? match[1].str() : "";
}

std::vector<fs::path> sources() {
  std::vector<fs::path> files;
  for (const char* top : {"framework", "cluster", "results_schema", "experiments"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(NS_SOURCE_DIR) / top)) {
      const auto extension = entry.path().extension();
      if (extension == ".cpp" || extension == ".hpp") files.push_back(entry.path());
    }
  }
  return files;
}

std::vector<std::pair<std::string, bool>> includes_of(const fs::path& file) {
  static const std::regex pattern("^#include ([<\"])([^>\"]+)[>\"]");
  std::vector<std::pair<std::string, bool>> includes;
  std::istringstream lines(testing::read_file(file.string()));
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) includes.emplace_back(match[2].str(), match[1].str() == "\"");
  }
  return includes;
}

TEST(Layers, IncludesGoOneWay) {
  int checked = 0;
  for (const fs::path& file : sources()) {
    const std::string path = fs::relative(file, NS_SOURCE_DIR).string();
    const auto rule = kMayInclude.find(room_of(path));
    if (rule == kMayInclude.end()) continue;
    for (const auto& [included, ours] : includes_of(file)) {
      if (!ours) continue;
      const std::string room = room_of(included);
      EXPECT_TRUE(room == rule->first || rule->second.count(room)) << path << " includes " << included;
      ++checked;
    }
  }
  EXPECT_GT(checked, 100);
}

TEST(Layers, RoomsWithoutTensorsDoNotIncludeLibtorch) {
  for (const fs::path& file : sources()) {
    const std::string path = fs::relative(file, NS_SOURCE_DIR).string();
    for (const auto& [included, ours] : includes_of(file)) {
      EXPECT_FALSE(included == "torch/torch.h" || included == "torch/extension.h") << path;
      if (!kWithoutTorch.count(room_of(path))) continue;
      const bool torch =
          included.rfind("ATen/", 0) == 0 || included.rfind("c10/", 0) == 0 || included.rfind("torch/", 0) == 0;
      EXPECT_FALSE(torch) << path << " includes " << included;
    }
  }
}

TEST(Layers, ForeignConfigurationLibrariesHaveOneDoor) {
  const std::map<std::string, std::string> doors = {{"toml++/", "framework/config/toml.cpp"},
                                                    {"nlohmann/", "framework/config/json.hpp"},
                                                    {"boost/program_options", "framework/config/cli.cpp"}};
  for (const fs::path& file : sources()) {
    const std::string path = fs::relative(file, NS_SOURCE_DIR).string();
    for (const auto& [included, ours] : includes_of(file)) {
      for (const auto& [prefix, door] : doors) {
        if (included.rfind(prefix, 0) == 0) {
          EXPECT_EQ(path, door);
        }
      }
    }
  }
}

TEST(Layers, FilesAreShort) {
  for (const fs::path& file : sources()) {
    const std::string text = testing::read_file(file.string());
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 400) << file;
  }
}

}  // namespace
}  // namespace neurosweep
