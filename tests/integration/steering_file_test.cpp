#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_neurosweep;

constexpr const char* kAcross = R"(
[[experiment]]
kind = "gradient"
items = 20
top = 6

[[experiment]]
kind = "steer"
validate_items = 6
test_items = 8
strengths = [1]

[[experiment.variant]]
name = "slope"
from = "gradient"
across = true
shuffled_draws = 1
)";

constexpr const char* kByFile = R"(
[[experiment]]
kind = "steer"
validate_items = 6
test_items = 8
strengths = [1]

[[experiment.variant]]
name = "shared"
file = "steer.json"
)";

class SteeringFileStudyTest : public testing::StudyTest {
 protected:
  std::string study(const std::string& file, const std::string& experiments) const {
    return write_text(file, testing::study_head("shared", {"compare", "sort"}) + experiments);
  }
  void run(const std::string& study_path, const std::string& folder) const {
    const auto run = run_neurosweep({"run", study_path, "--store", store(folder)});
    ASSERT_EQ(run.status, 0) << run.err;
  }
  std::string generated(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"generate", "--model", testing::small_reasoner(), "--max-new-tokens", "12"};
    words.insert(words.end(), more.begin(), more.end());
    const auto made = run_neurosweep(words, "{\"id\":1,\"text\":\"Q: sort 4 2 9\\n\"}\n");
    EXPECT_EQ(made.status, 0) << made.err;
    return made.out;
  }
};

TEST_F(SteeringFileStudyTest, ADirectionTravelsFromAStudyToAFileToAnotherStudyAndToGeneration) {
  run(study("across.toml", kAcross), "across");
  const std::string file = store("steer.json");

  const auto exported = run_neurosweep(
      {"export", store("across"), "--experiment", "gradient", "--model", "small", "--task", "sort", "--out", file});
  run(study("file.toml", kByFile), "by-file");

  EXPECT_THAT(exported.out, HasSubstr("push of 6 neurons, by gradient ('gradient')"));
  const std::string of_sort =
      "SELECT fixed, broken, accuracy FROM steer_effect WHERE stage = 'test' AND task = 'sort' AND variant = ";
  EXPECT_EQ(query(of_sort + "'shared'", "by-file"), query(of_sort + "'slope from sort'", "across"));
  EXPECT_NE(generated({"--steer", file, "--strength", "40"}), generated({}));
  EXPECT_EQ(generated({"--steer", file, "--strength", "0"}), generated({}));
  EXPECT_EQ(run_neurosweep({"generate", "--model", testing::small_reasoner(), "--strength", "2"}, "").status,
            exit_status::kInput)
      << "a strength without a steering file would steer nothing";
}

TEST_F(SteeringFileStudyTest, EveryDirectionIsTriedOnEveryTaskBesideItsNeuronsWithPushesDealtAnew) {
  run(study("across.toml", kAcross), "store");

  const Json tried = query(
      "SELECT DISTINCT task, variant, direction_task FROM steer_arm WHERE declared = 'slope' ORDER BY task, variant");
  ASSERT_EQ(tried.size(), 12U) << "two tasks, three directions and their controls";
  EXPECT_EQ(tried.at(0).at("variant"), "slope from *");
  EXPECT_EQ(tried.at(1).at("variant"), "slope from * shuffled 00");
  EXPECT_EQ(tried.at(2).at("direction_task"), "compare");
  const auto pushes = [&](const std::string& set, const std::string& order) {
    return query("SELECT layer, " + order + " AS v FROM set_member WHERE set_name = '" + set +
                 "' AND task = 'sort' AND round_id = (SELECT max(round_id) FROM set_member) ORDER BY layer, v");
  };
  EXPECT_EQ(pushes("slope from sort", "value"), pushes("slope from sort shuffled 00", "value"));
  EXPECT_EQ(pushes("slope from sort", "neuron"), pushes("slope from sort shuffled 00", "neuron"));
  EXPECT_EQ(query("SELECT n_tasks FROM steer_reach").size(), 3U);
  ASSERT_EQ(run_neurosweep({"report", store()}).status, 0);
  EXPECT_THAT(testing::read_file(store() + "/report.md"), HasSubstr("direction of (rows), items of (columns)"));
}

TEST_F(SteeringFileStudyTest, AnotherModelOrABrokenFileIsRefusedBeforeAnythingIsMeasured) {
  run(study("across.toml", kAcross), "across");
  const auto exported = run_neurosweep({"export", store("across"), "--experiment", "gradient", "--model", "small"});
  std::string text = exported.out;
  const auto refused = [&](const std::string& content) {
    write_text("steer.json", content);
    const auto run = run_neurosweep({"run", study("file.toml", kByFile), "--store", store("refused")});
    EXPECT_EQ(run.status, exit_status::kInput);
    EXPECT_THAT(run.err, Not(HasSubstr("(steer)"))) << "no unit was measured";
    return run.err;
  };

  EXPECT_THAT(refused(text.substr(0, text.size() / 2)), HasSubstr("steer.json"));
  const std::size_t hash = text.find("checkpoint_hash\":\"") + 18;
  text[hash] = text[hash] == '0' ? '1' : '0';
  EXPECT_THAT(refused(text), HasSubstr("neurons of one checkpoint say nothing about another's"));
  EXPECT_THAT(run_neurosweep({"export", store("across"), "--experiment", "steer", "--model", "small"}).err,
              HasSubstr("there are: gradient (small, *), gradient (small, compare)"));
}

}  // namespace
}  // namespace neurosweep
