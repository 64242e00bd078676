#include "framework/steer/policy_file.hpp"

#include <gmock/gmock.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/neuron.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::neuron;

constexpr const char* kPolicy = R"(format = "neurosweep policy"
version = 1
model = "tiny"
checkpoint_hash = "c0ffee"
layers = 2
neurons_per_layer = 4
from = "a \"test\""
scope = "all"
steering_cap = 0.25
denied = ["0:3", "1:*"]

[[envelope]]
neuron = "0:0"
low = -0.5
high = 1.25

[[envelope]]
neuron = "0:1"
high = 2

[[floor]]
neuron = "0:2"
low = 0.1
)";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kPolicy;
  EXPECT_NE(text.find(from), std::string::npos) << from;
  return text.replace(text.find(from), from.size(), to);
}

void expect_refused(const std::string& text, const std::string& why) {
  expect_error(ErrorKind::input, ::testing::AllOf(HasSubstr("p.toml"), HasSubstr(why)),
               [&] { parse_policy(text, "p.toml"); });
}

TEST(PolicyFileTest, ReadsEnvelopesFloorsCapAndDenials) {
  const PolicyFile file = parse_policy(kPolicy, "p.toml");

  EXPECT_EQ(file.model, "tiny");
  EXPECT_EQ(file.from, "a \"test\"");
  EXPECT_EQ(file.policy.scope, PolicyScope::all);
  EXPECT_EQ(file.policy.steering_cap, 0.25);
  EXPECT_EQ(file.policy.denied.size(), 5U);
  EXPECT_EQ(file.policy.denied[0], neuron(0, 3));
  EXPECT_EQ(file.policy.denied[4], neuron(1, 3));
  ASSERT_EQ(file.policy.limits.size(), 3U);
  EXPECT_EQ(file.policy.limits[0].low, -0.5);
  EXPECT_EQ(file.policy.limits[1].low, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(file.policy.limits[1].high, 2);
  EXPECT_EQ(file.policy.limits[2].id, neuron(0, 2));
  EXPECT_EQ(file.policy.limits[2].low, 0.1);
}

TEST(PolicyFileTest, WritesWhatItReadsBack) {
  const PolicyFile file = parse_policy(kPolicy, "p.toml");

  const PolicyFile again = parse_policy(policy_text(file), "p.toml");

  EXPECT_EQ(policy_text(again), policy_text(file));
  EXPECT_EQ(again.policy.denied, file.policy.denied);
  EXPECT_EQ(again.policy.limits.size(), file.policy.limits.size());
  EXPECT_EQ(again.policy.limits[0].high, 1.25);
}

TEST(PolicyFileTest, AFloorRaisesAnEnvelopeAndMayNotPassItsCeiling) {
  const PolicyFile file = parse_policy(with("neuron = \"0:2\"\nlow = 0.1", "neuron = \"0:0\"\nlow = 0.75"), "p.toml");

  EXPECT_EQ(file.policy.limits[0].low, 0.75);
  expect_refused(with("neuron = \"0:2\"\nlow = 0.1", "neuron = \"0:0\"\nlow = 1.5"),
                 "neuron 0:0 has the floor 1.5 above its ceiling 1.25");
}

TEST(PolicyFileTest, RefusesWhatCannotBeSatisfied) {
  expect_refused(with("low = -0.5", "low = 1.5"), "neuron 0:0 cannot be at least 1.5 and at most 1.25");
  expect_refused(with("neuron = \"0:1\"", "neuron = \"0:9\""), "neuron 0:9 is outside the model (2 layers of 4");
  expect_refused(with("neuron = \"0:1\"", "neuron = \"0:0\""), "neuron 0:0 has limits twice");
  expect_refused(with("denied = [\"0:3\"", "denied = [\"0:1\""), "neuron 0:1 is denied and has limits");
  expect_refused(with("high = 2\n", ""), "neuron 0:1");
  expect_refused(with("steering_cap = 0.25", "steering_cap = -1"), "'steering_cap'");
}

TEST(PolicyFileTest, RefusesWhatIsNoPolicy) {
  expect_refused("a = 1", "this is no policy");
  expect_refused(with("version = 1", "version = 2"), "version 2 of the format");
  expect_refused(with("scope = \"all\"", "scope = \"some\""), "scope 'some' (valid: generated, all)");
  expect_refused(with("neuron = \"0:1\"", "neuron = \"0.1\""), "expected layer:neuron");
  expect_refused(with("neuron = \"0:1\"", "neuron = \"0:*\""), "limits are for one neuron");
  expect_refused(with("high = 2", "hihg = 2"), "did you mean 'high'?");
  expect_refused(with("model = \"tiny\"\n", ""), "lacks the key 'model'");
}

TEST(PolicyFileTest, RefusesWhatWouldFillTheMemory) {
  expect_refused(with("neurons_per_layer = 4", "neurons_per_layer = 9000000000000000"), "'neurons_per_layer'");
  expect_refused(with("layers = 2", "layers = 9000000000000000"), "'layers'");
  expect_refused(with("\"1:*\"", "\"2:*\""), "'2:*' is outside the model of 2 layers");
  std::string text = with("neurons_per_layer = 4", "neurons_per_layer = 4000000");
  text.replace(text.find("\"1:*\""), 5, "\"1:*\", \"0:*\", \"1:*\"");
  expect_refused(text, "more than 10000000 denied neurons");
}

TEST(PolicyFileTest, BelongsToItsCheckpointOnly) {
  const PolicyFile file = parse_policy(kPolicy, "p.toml");

  EXPECT_NO_THROW(check_policy_model(file, "p.toml", "m", "c0ffee"));
  expect_error(ErrorKind::input, HasSubstr("p.toml: made for the checkpoint c0ffee ('tiny')"),
               [&] { check_policy_model(file, "p.toml", "m", "decaf"); });
}

}  // namespace
}  // namespace neurosweep
