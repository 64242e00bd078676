#include <cmath>

#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::run_neurosweep;
using testing::small_reasoner;
using ::testing::StartsWith;

Json first_line(const std::string& text) {
  return parse_json(text.substr(0, text.find('\n')), "output");
}

TEST(Score, GivesOneLogprobATokenAndAGuessAfterEach) {
  const auto result =
      run_neurosweep({"score", "--model", small_reasoner()}, "{\"id\":\"a\",\"tokens\":[20,21,22,23]}\n");

  ASSERT_EQ(result.status, 0) << result.err;
  const Json line = first_line(result.out);
  EXPECT_EQ(line.at("id"), "a");
  EXPECT_EQ(line.at("tokens"), Json({20, 21, 22, 23}));
  ASSERT_EQ(line.at("logprobs").size(), 4u);
  EXPECT_TRUE(line.at("logprobs")[0].is_null());
  for (int t = 1; t < 4; ++t) EXPECT_LT(line.at("logprobs")[t].get<double>(), 0);
  EXPECT_EQ(line.at("argmax").size(), 4u);
}

TEST(Generate, ContinuesGreedilyWithTheArgmaxAndInInputOrder) {
  const std::string input = "{\"id\":1,\"text\":\"calc:1+2\\n\"}\n{\"id\":2,\"text\":\"calc:1+2\\n\"}\n";

  const auto made = run_neurosweep({"generate", "--model", small_reasoner(), "--max-new-tokens", "5"}, input);
  const auto scored = run_neurosweep({"score", "--model", small_reasoner()}, input);

  ASSERT_EQ(made.status, 0) << made.err;
  const Json line = first_line(made.out);
  EXPECT_EQ(line.at("id"), 1);
  EXPECT_LE(line.at("tokens").size(), 5u);
  EXPECT_EQ(line.at("tokens")[0], first_line(scored.out).at("argmax").back());
  const std::string second = made.out.substr(made.out.find('\n') + 1);
  EXPECT_EQ(first_line(second).at("tokens"), line.at("tokens"));
}

TEST(Generate, SamplesFromTheSeedOfEachLine) {
  const std::string input =
      "{\"id\":1,\"text\":\"calc:\"}\n{\"id\":2,\"text\":\"calc:\"}\n{\"id\":3,\"text\":\"calc:\"}\n";
  const auto sample = [&](const char* seed) {
    return run_neurosweep({"generate", "--model", small_reasoner(), "--temperature", "1.5", "--seed", seed}, input).out;
  };

  EXPECT_EQ(sample("1"), sample("1"));
  EXPECT_NE(sample("1"), sample("2"));
}

TEST(Generate, WorksOnTokensWithoutATokenizerAndStopsAtTheLimitWithoutEos) {
  const std::string model = NS_SOURCE_DIR "/tests/golden/data/qwen2-tied";

  const auto result =
      run_neurosweep({"generate", "--model", model, "--max-new-tokens", "7"}, "{\"id\":0,\"tokens\":[1,2,3]}\n");
  const auto text = run_neurosweep({"generate", "--model", model}, "{\"id\":0,\"text\":\"a\"}\n");

  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(first_line(result.out).at("tokens").size(), 7u);
  EXPECT_EQ(text.status, exit_status::kInput);
  EXPECT_THAT(text.err, HasSubstr("tokenizer.json"));
}

TEST(Tokenize, RoundTripsAnyText) {
  const std::string text = "calc:1+2 \xC3\xA9\xF0\x9F\x99\x82\ttab  two\n";
  const auto tokens =
      run_neurosweep({"tokenize", "--model", small_reasoner()}, json_text({{"id", 1}, {"text", text}}) + "\n");
  ASSERT_EQ(tokens.status, 0) << tokens.err;

  const auto back = run_neurosweep({"tokenize", "--model", small_reasoner(), "--decode"}, tokens.out);

  EXPECT_EQ(first_line(back.out).at("text"), text);
}

TEST(Sweep, WritesEffectsNeuronByNeuronAndASummary) {
  const testing::TempDir dir;
  testing::write_file(dir.file("job.json"), R"({"kind":"sweep","name":"j","prompts":[
    {"context":[20,21,22],"answer":[23],"foil":[24]},{"context":[30,31,32],"answer":[33],"foil":[34]}],
    "neurons":[{"layer":0,"index":1},{"layer":1,"index":2,"value":0.5}]})");

  const auto result = run_neurosweep({"sweep", "--model", small_reasoner(), "--job", dir.file("job.json"), "--out",
                                      dir.file("e.jsonl"), "--summary", dir.file("s.json"), "--threads", "1"});

  ASSERT_EQ(result.status, 0) << result.err;
  const std::string effects = testing::read_file(dir.file("e.jsonl"));
  EXPECT_EQ(std::count(effects.begin(), effects.end(), '\n'), 4);
  EXPECT_THAT(effects, StartsWith("{\"layer\": 0, \"neuron\": 1, \"prompt\": 0, \"delta_logprob\": "));
  EXPECT_EQ(read_json(dir.file("s.json")).at("interventions"), 4);
}

TEST(FrontDoor, HelpsAndNamesTheNearestVerb) {
  EXPECT_EQ(run_neurosweep({"--help"}).status, 0);
  EXPECT_EQ(run_neurosweep({}).status, exit_status::kInput);
  const auto result = run_neurosweep({"reprot", "x"});
  EXPECT_EQ(result.status, exit_status::kInput);
  EXPECT_THAT(result.err, HasSubstr("did you mean 'report'?"));
  for (const char* verb : {"run", "plan", "keys", "sweep", "generate", "score", "tokenize", "merge", "rank", "query",
                           "report", "status", "verify", "transfer"}) {
    const auto help = run_neurosweep({verb, "--help"});
    EXPECT_EQ(help.status, 0) << verb;
    EXPECT_THAT(help.out, HasSubstr(std::string("usage: neurosweep ") + verb));
  }
}

}  // namespace
}  // namespace neurosweep
