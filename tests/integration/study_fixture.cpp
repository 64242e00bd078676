#include "tests/integration/study_fixture.hpp"

namespace neurosweep::testing {

namespace {

constexpr const char* kStudy = R"([study]
name = "mini"
seed = 3

[models.small]
path = "@models@/reasoner-small"

[tasks.arith]
file = "@models@/tasks/arith.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[tasks.sort]
file = "@models@/tasks/sort.jsonl"
target = "{reasoning}\nA: {answer}"
grader = "after"

[[experiment]]
kind = "trace"
items = 12
attempts = 6
items_per_unit = 3

[[experiment]]
kind = "identify"
from = "trace"
top = 30
polarity = false

[[experiment]]
kind = "sweep"
candidates = "identify"
items = 6
controls = 60
arms_per_unit = 50
fdr = 0.5

[[experiment]]
kind = "suppress"
from = "identify"
items = 12
top = 10
random_sets = 3
items_per_unit = 3
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t first = text.find(from);
  if (first == std::string::npos) throw std::logic_error("the standard study has no '" + from + "'");
  for (std::size_t at = first; at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace

std::string small_reasoner() {
  return NS_SOURCE_DIR "/experiments/models/reasoner-small";
}

std::string StudyTest::write_study(const std::vector<std::pair<std::string, std::string>>& changes) const {
  std::string text = kStudy;
  for (const auto& [from, to] : changes) text = replaced(text, from, to);
  if (text.find("@models@") != std::string::npos)
    text = replaced(text, "@models@", NS_SOURCE_DIR "/experiments/models");
  write_file(dir_.file("study.toml"), text);
  return dir_.file("study.toml");
}

ProgramResult StudyTest::run_study(const std::string& store, int status) const {
  const ProgramResult result = run_neurosweep({"run", write_study(), "--store", store});
  EXPECT_EQ(result.status, status) << result.err;
  return result;
}

std::string StudyTest::sound_hash(const std::string& store) const {
  const ProgramResult result = run_neurosweep({"verify", store, "--json"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  return require<std::string>(parse_json(result.out, "verify"), "content_hash", "verify");
}

}  // namespace neurosweep::testing
