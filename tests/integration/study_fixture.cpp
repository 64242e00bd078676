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

std::string study_head(const std::string& name, const std::vector<std::string>& tasks) {
  std::string text =
      fmt::format("[study]\nname = \"{}\"\nseed = 5\n\n[models.small]\npath = \"@models@/reasoner-small\"\n", name);
  for (const std::string& task : tasks) {
    text += fmt::format("\n[tasks.{0}]\nfile = \"@models@/tasks/{0}.jsonl\"\n", task);
    text += "target = \"{reasoning}\\nA: {answer}\"\ngrader = \"after\"\n";
  }
  return text + "\n";
}

std::string StudyTest::write_study(const std::vector<std::pair<std::string, std::string>>& changes) const {
  std::string text = kStudy;
  for (const auto& [from, to] : changes) text = replaced(text, from, to);
  return write_text("study.toml", text);
}

std::string StudyTest::write_text(const std::string& file, const std::string& text) const {
  const bool marked = text.find("@models@") != std::string::npos;
  write_file(dir_.file(file), marked ? replaced(text, "@models@", NS_SOURCE_DIR "/experiments/models") : text);
  return dir_.file(file);
}

Json StudyTest::query(const std::string& what, const std::string& store_name) const {
  const auto result = run_neurosweep({"query", store(store_name), what, "--format", "json"});
  EXPECT_EQ(result.status, 0) << result.err;
  return parse_json(result.out, "query");
}

void StudyTest::run_on_two_ranks(const std::string& study, const std::string& store) const {
  auto words = mpirun_words(2);
  for (const std::string& word : {std::string("run"), study, std::string("--store"), store}) words.push_back(word);
  const auto result = run_program(words);
  ASSERT_EQ(result.status, 0) << result.err;
}

void StudyTest::expect_few_units_twice() const {
  const Json counts =
      query("SELECT (SELECT count(*) FROM unit) AS units, (SELECT sum(units) FROM merged_shard) AS measured");
  const auto units = counts[0].at("units").get<std::int64_t>(), measured = counts[0].at("measured").get<std::int64_t>();
  EXPECT_LT(2 * (measured - units), units);
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
