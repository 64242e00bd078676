#include <signal.h>

#include <map>
#include <sstream>

#include <gmock/gmock.h>

#include "tests/integration/ranks_at_work.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

constexpr const char* kStudy = R"([study]
name = "minimal"
seed = 3

[models.small]
path = "{0}/reasoner-small"

[tasks.arith]
file = "{1}"
target = "{{reasoning}}\nA: {{answer}}"
grader = "after"

[tasks.sort]
file = "{0}/tasks/sort.jsonl"
target = "{{reasoning}}\nA: {{answer}}"
grader = "after"

[[experiment]]
kind = "trace"
items = 8
attempts = 6
items_per_unit = 8

[[experiment]]
kind = "identify"
from = "trace"
top = 60
polarity = false

[[experiment]]
kind = "minimize"
from = "identify"
top = 60
share = 0.99
items = 3
proof_items = 4
random_sets = 3
pairs = 4
sets_per_unit = 8
)";

constexpr const char* kSuppress = R"(
[[experiment]]
kind = "suppress"
from = "minimize"
items = 3
random_sets = 2
)";

class MinimizeTest : public testing::StudyTest {
 protected:
  std::string study_file(const std::string& arith = NS_SOURCE_DIR "/experiments/models/tasks/arith.jsonl") const {
    testing::write_file(dir_.file("study.toml"), fmt::format(kStudy, NS_SOURCE_DIR "/experiments/models", arith));
    return dir_.file("study.toml");
  }
};

TEST_F(MinimizeTest, FindsASetThatHoldsItsShareCannotSpareAMemberAndCanBeSuppressed) {
  const std::string study = study_file();
  testing::write_file(study, testing::read_file(study) + kSuppress);

  const auto result = run_neurosweep({"run", study, "--store", store()});

  ASSERT_EQ(result.status, 0) << result.err;
  const Json searches = query("set_searches");
  ASSERT_EQ(searches.size(), 1u);
  const Json& found = searches[0];
  EXPECT_EQ(found.at("n_candidates"), 60);
  EXPECT_EQ(found.at("n_proof"), 8);
  EXPECT_GE(found.at("search_share").get<double>(), 0.99);
  const Json members = query("SELECT * FROM minimal_set WHERE kept ORDER BY order_no");
  EXPECT_EQ(members.size(), found.at("size").get<std::size_t>());
  const double full = query("SELECT search_full FROM set_search")[0].at("search_full").get<double>();
  for (const Json& member : members) {
    const double lost = member.at("loss").get<double>() / full;
    EXPECT_LT(found.at("search_share").get<double>() - lost, 0.99) << member.dump();
  }
  EXPECT_EQ(query("pair_interactions").size(), 6u);
  EXPECT_EQ(query("SELECT DISTINCT layer, neuron FROM set_member WHERE set_name = 'critical'").size(), members.size());
  EXPECT_THAT(run_neurosweep({"report", store(), "--out", "-"}).out, HasSubstr("## Minimal sets"));
}

TEST_F(MinimizeTest, StoppedAgainAndAgainGivesTheStoreOfTwoRanks) {
  run_on_two_ranks(study_file(), store("two"));
  const std::vector<std::string> words = {testing::neurosweep_path(), "run", study_file(), "--store", store("stopped")};
  int status = exit_status::kCheckpointed;
  int launches = 0;
  for (; status == exit_status::kCheckpointed; ++launches) {
    const auto program = testing::start_and_wait_for_work(words, store("stopped"), launches);
    program->signal_group(SIGUSR1);
    status = program->wait();
  }

  ASSERT_EQ(status, 0);
  EXPECT_GE(launches, 4);
  EXPECT_EQ(sound_hash(store("stopped")), sound_hash(store("two")));
  EXPECT_EQ(query("minimal_sets", "stopped"), query("minimal_sets", "two"));
  EXPECT_EQ(query("set_searches", "stopped"), query("set_searches", "two"));
}

TEST_F(MinimizeTest, EndsWithOneClearLineWhereAnItemCannotBeMeasured) {
  std::istringstream bundled(testing::read_file(NS_SOURCE_DIR "/experiments/models/tasks/arith.jsonl"));
  std::string lines;
  std::map<std::string, int> taken;
  for (std::string line; std::getline(bundled, line);) {
    const auto split = require<std::string>(parse_json(line, "line"), "split", "line");
    if (++taken[split] <= (split == "identify" ? 20 : 2)) lines += line + '\n';
  }
  lines += R"({"id":"long","question":"calc:1+1","answer":"2","split":"validate","reasoning":")" +
           std::string(4000, '7') + "\"}\n";
  testing::write_file(dir_.file("arith.jsonl"), lines);

  const auto result = run_neurosweep({"run", study_file(dir_.file("arith.jsonl")), "--store", store()});

  EXPECT_EQ(result.status, exit_status::kFailedUnits) << result.err;
  EXPECT_THAT(result.err, HasSubstr("minimize: model 'small', task '*': "));
  EXPECT_THAT(result.err, HasSubstr("effects of round 0 are missing"));
  EXPECT_TRUE(query("set_searches").empty());
}

}  // namespace
}  // namespace neurosweep
