#include <set>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;

const std::string kEnvelopes = testing::study_head("safe", {"sort", "compare"}) + R"([[experiment]]
kind = "gradient"
items = 20
top = 12

[[experiment]]
kind = "envelope"
neurons = "gradient"
tasks = ["sort"]
items = 40
outside = 0.1

)";

const std::string kConstrain = kEnvelopes + R"([[experiment]]
kind = "constrain"
envelope = "envelope"
guarded = ["sort"]
from = "gradient"
strength = 2
items = 20
)";

class ConstrainTest : public testing::StudyTest {
 protected:
  void run(const std::string& text, const std::string& folder = "store") const {
    const auto run = run_neurosweep({"run", write_text(folder + ".toml", text), "--store", store(folder)});
    ASSERT_EQ(run.status, 0) << run.err;
  }
  /// A study that keeps to a policy file beside it.
  std::string by_file(const std::string& more = "") const {
    return testing::study_head("by-file", {"sort"}) +
           "[[experiment]]\nkind = \"constrain\"\npolicy = \"policy.toml\"\nitems = 10\n" + more;
  }
  /// Writes the policy of the store, with one part replaced.
  void write_policy(const std::string& from = "", const std::string& to = "") const {
    const auto made = run_neurosweep({"policy", store(), "--experiment", "envelope", "--model", "small"});
    ASSERT_EQ(made.status, 0) << made.err;
    std::string text = made.out;
    if (!from.empty()) {
      const std::size_t at = text.find(from);
      ASSERT_NE(at, std::string::npos) << text;
      text.replace(at, from.size(), to);
    }
    write_text("policy.toml", text);
  }
};

TEST_F(ConstrainTest, MeasuresThePolicyOnGuardedAndOtherTasksWithEveryEnforcement) {
  run(kConstrain);

  const Json envelopes = query(
      "SELECT count(*) AS n, sum(low <= high AND lowest <= low AND high <= highest) AS sound FROM activation_envelope "
      "WHERE task = 'sort'");
  EXPECT_EQ(envelopes.at(0).at("n").get<int>(), envelopes.at(0).at("sound").get<int>());
  EXPECT_GE(envelopes.at(0).at("n").get<int>(), 12);
  const Json effects = query("SELECT task, guarded, arm, against, n FROM constraint_effect ORDER BY 1, 2, 3, 4");
  ASSERT_EQ(effects.size(), 12u);
  for (const Json& row : effects) {
    EXPECT_EQ(row.at("guarded").get<int>(), row.at("task") == "sort" ? 1 : 0);
    EXPECT_EQ(row.at("n").get<int>(), row.at("task") == "*" ? 40 : 20);
  }
  const Json enforced = query(
      "SELECT sum(arm IN ('baseline', 'steered')) AS free, count(*) AS n, sum(times) AS times, min(largest) AS least "
      "FROM enforcement");
  EXPECT_EQ(enforced.at(0).at("free").get<int>(), 0);
  EXPECT_GT(enforced.at(0).at("n").get<int>(), 0);
  EXPECT_GT(enforced.at(0).at("least").get<double>(), 0);
  const Json counted =
      query("SELECT sum(enforced) AS n FROM constraint_effect WHERE task = '*' AND against = 'baseline'");
  EXPECT_EQ(counted.at(0).at("n"), enforced.at(0).at("times"));
  const auto report = run_neurosweep({"report", store(), "--out", "-"});
  EXPECT_THAT(report.out, HasSubstr("## Safety constraints (experiment constrain)"));
}

TEST_F(ConstrainTest, GivesTheSameContentForTwoRanks) {
  run(kConstrain);
  run_on_two_ranks(write_text("two.toml", kConstrain), store("two"));

  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
}

TEST_F(ConstrainTest, AMeasuredPolicyIsAFileThatStudiesAndGenerateKeepTo) {
  run(kEnvelopes);
  write_policy();
  run(by_file(), "kept");
  EXPECT_EQ(query("SELECT count(*) AS n FROM constraint_effect", "kept").at(0).at("n").get<int>(), 2);

  const std::string prompt = "{\"id\":1,\"text\":\"calc:9+1-7-9\\n\"}\n";
  const std::string policy = dir_.file("policy.toml");
  const auto refused = run_neurosweep(
      {"generate", "--model", testing::small_reasoner() + "/../reasoner-large", "--policy", policy}, prompt);
  EXPECT_EQ(refused.status, exit_status::kInput);
  EXPECT_THAT(refused.err, HasSubstr("neurons of one checkpoint say nothing about another's"));
}

TEST_F(ConstrainTest, GenerateTellsWhatItEnforced) {
  run(kEnvelopes);
  write_policy("scope", "denied = [\"3:255\"]\nsteering_cap = 0.5\nscope");
  const auto steering = run_neurosweep(
      {"export", store(), "--experiment", "gradient", "--model", "small", "--out", dir_.file("steer.json")});
  ASSERT_EQ(steering.status, 0) << steering.err;

  const auto made = run_neurosweep({"generate", "--model", testing::small_reasoner(), "--steer",
                                    dir_.file("steer.json"), "--strength", "50", "--policy", dir_.file("policy.toml")},
                                   "{\"id\":1,\"text\":\"calc:9+1-7-9\\n\"}\n");

  ASSERT_EQ(made.status, 0) << made.err;
  const Json line = parse_json(made.out, "generate");
  std::set<std::string> rules;
  for (const Json& each : line.at("enforced")) {
    rules.insert(each.at("rule").get<std::string>());
    EXPECT_GE(each.at("times").get<int>(), 1);
  }
  EXPECT_THAT(rules, ::testing::Contains("cap"));
  EXPECT_THAT(rules, ::testing::Contains(::testing::AnyOf("floor", "ceiling")));
}

TEST_F(ConstrainTest, RefusesToGoOnWithAPolicyThatSaysSomethingElse) {
  run(kEnvelopes);
  const auto steering = run_neurosweep({"export", store(), "--experiment", "gradient", "--model", "small", "--task",
                                        "sort", "--out", dir_.file("steer.json")});
  ASSERT_EQ(steering.status, 0) << steering.err;
  const std::string study = write_text("study.toml", by_file("file = \"steer.json\"\n"));
  const std::string head =
      "format = \"neurosweep policy\"\nversion = 1\nmodel = \"small\"\nlayers = 4\n" +
      fmt::format("neurons_per_layer = 256\ncheckpoint_hash = \"{}\"\n",
                  query("SELECT checkpoint_hash AS h FROM model").at(0).at("h").get<std::string>());
  const auto run_with = [&](const std::string& policy) {
    write_text("policy.toml", head + policy);
    return run_neurosweep({"run", study, "--store", store("kept")});
  };
  ASSERT_EQ(run_with("steering_cap = 0.25\n").status, 0);
  const auto hash = sound_hash(store("kept"));

  for (const char* other : {"steering_cap = 0.5\n", "steering_cap = 0.25\nscope = \"all\"\n",
                            "steering_cap = 0.25\ndenied = [\"3:255\"]\n"}) {
    const auto refused = run_with(other);
    EXPECT_EQ(refused.status, exit_status::kStore) << other << refused.out;
    EXPECT_THAT(refused.err, HasSubstr("start again in another folder")) << other;
  }
  EXPECT_EQ(run_with("# The same, said otherwise.\nscope = \"generated\"\nsteering_cap = 0.250\n").status, 0);
  EXPECT_EQ(sound_hash(store("kept")), hash);
}

TEST_F(ConstrainTest, RefusesBeforeDecodingWhatCannotBeSatisfied) {
  run(kEnvelopes);
  const auto steered =
      query("SELECT layer, neuron FROM direction WHERE experiment = 'gradient' AND task = 'sort' LIMIT 1");
  const std::string neuron = steered.at(0).at("layer").dump() + ":" + steered.at(0).at("neuron").dump();
  const auto refused = [&](const std::string& study, const std::string& folder, const std::string& why) {
    const auto run = run_neurosweep({"run", write_text(folder + ".toml", study), "--store", store(folder)});
    EXPECT_EQ(run.status, exit_status::kInput) << run.out;
    EXPECT_THAT(run.err, HasSubstr(why));
    EXPECT_EQ(query("SELECT count(*) AS n FROM outcome", folder).at(0).at("n").get<int>(), 0);
  };
  const std::string denied =
      "format = \"neurosweep policy\"\nversion = 1\nmodel = \"small\"\nlayers = 4\n"
      "neurons_per_layer = 256\ndenied = [\"" +
      neuron + "\"]\ncheckpoint_hash = \"" +
      query("SELECT checkpoint_hash AS h FROM model").at(0).at("h").get<std::string>() + "\"\n";

  const auto export_steering = run_neurosweep({"export", store(), "--experiment", "gradient", "--model", "small",
                                               "--task", "sort", "--out", dir_.file("steer.json")});
  ASSERT_EQ(export_steering.status, 0) << export_steering.err;
  write_text("policy.toml", denied);
  refused(by_file("file = \"steer.json\"\n"), "denied", "neuron " + neuron + " is denied, and the steering");
  write_policy("checkpoint_hash = \"", "checkpoint_hash = \"0");
  refused(by_file(), "foreign", "neurons of one checkpoint say nothing about another's");
  const auto empty = run_neurosweep(
      {"run", write_text("empty.toml", testing::study_head("e", {"sort"}) + "[[experiment]]\nkind = \"constrain\"\n"),
       "--store", store("empty")});
  EXPECT_EQ(empty.status, exit_status::kInput);
  EXPECT_THAT(empty.err, HasSubstr("nothing to keep to"));
}

}  // namespace
}  // namespace neurosweep
