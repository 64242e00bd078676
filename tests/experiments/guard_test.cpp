#include "experiments/guard.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>

#include <fmt/ranges.h>

#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

const std::string kModels = std::string(NS_SOURCE_DIR) + "/experiments/models";

class GuardTest : public ::testing::Test {
 protected:
  /// The first lines of a bundled task's validate split.
  static std::vector<std::string> problems(std::size_t n) {
    std::ifstream file(kModels + "/tasks/arith.jsonl");
    std::vector<std::string> lines;
    for (std::string line; lines.size() < n && std::getline(file, line);) {
      if (line.find("\"split\":\"validate\"") != std::string::npos) lines.push_back(line);
    }
    return lines;
  }

  /// The small reasoner, not edited, on ten of these lines.
  GuardResult measured(const std::vector<std::string>& lines, int seed) const {
    const std::string model = kModels + "/reasoner-small";
    testing::write_file(dir_.file("sums.jsonl"), fmt::format("{}\n", fmt::join(lines, "\n")));
    testing::write_file(dir_.file("study.toml"),
                        fmt::format("[study]\nname = \"g\"\nseed = {}\n[models.small]\npath = \"{}\"\n[tasks.sums]\n"
                                    "file = \"sums.jsonl\"\nprompt = \"{{question}}\\n\"\ngrader = \"after\"\n"
                                    "[[experiment]]\nkind = \"trace\"\n",
                                    seed, model));
    GuardSettings settings;
    settings.study = dir_.file("study.toml");
    settings.items = 10;
    return measure_guards(settings, model, model).at(0);
  }

  testing::TempDir dir_;
};

TEST_F(GuardTest, DrawsItsItemsByTheStudysSeedWhateverTheOrderOfTheFile) {
  std::vector<std::string> lines = problems(40);
  for (int i = 20; i < 40; ++i) {
    lines[i] = std::regex_replace(lines[i], std::regex("\"answer\":\"[^\"]*\""), "\"answer\":\"none\"");
  }

  const GuardResult forward = measured(lines, 1);
  std::reverse(lines.begin(), lines.end());
  const GuardResult backward = measured(lines, 1);

  EXPECT_EQ(forward.n, 10);
  EXPECT_EQ(forward.before, backward.before);
  EXPECT_GT(forward.before, 0);
  EXPECT_LT(forward.before, 1);
  double least = 1, most = 0;
  for (int seed = 1; seed <= 5; ++seed) {
    const double before = measured(lines, seed).before;
    least = std::min(least, before);
    most = std::max(most, before);
  }
  EXPECT_LT(least, most) << "another seed draws other items";
}

}  // namespace
}  // namespace neurosweep
