#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <utility>

#include "framework/tasks/task.hpp"
#include "tests/integration/planted_copy.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::planted;
using testing::ProgramResult;
using testing::run_neurosweep;

const std::string kModels = NS_SOURCE_DIR "/experiments/models";
constexpr std::int64_t kSeed = 5;

const std::string kStudy = R"([study]
name = "mini"
seed = 5

[models.small]
path = "@models@/reasoner-small"

[models.copy]
path = "COPY"

[tasks.compare]
file = "TASK"
prompt = "{question}\n"
target = "{reasoning}\nA: {answer}"
grader = "after"

[[experiment]]
kind = "gradient"
models = ["small"]
items = 4
top = 60
)";

const std::string kTransfer = R"(
[[experiment]]
kind = "transfer"
donor = "small"
receiver = "copy"
sources = ["gradient"]
items = 0
top = 0
random = false
)";

// The small reasoner's direction for compare as steer.json, a planted copy of it, and texts of compare.
class TransferVerbTest : public testing::StudyTest {
 protected:
  TransferVerbTest() {
    testing::write_planted_copy(copy_);
    std::istringstream all(testing::read_file(kModels + "/tasks/compare.jsonl"));
    for (std::string line; items_.size() < 30 && std::getline(all, line);) {
      items_.push_back(parse_json(line, "compare.jsonl"));
    }
    std::string task, texts;
    for (const Json& item : items_) {
      task += json_text(item) + "\n";
      texts += text_of(item, "question") + " " + text_of(item, "reasoning") + "\n";
    }
    task_ = write_text("task.jsonl", task);
    texts_ = write_text("texts.txt", texts);
    run_mini("");
    steer_ = exported("gradient", "small");
  }

  static std::string text_of(const Json& item, const char* key) { return item.at(key).get<std::string>(); }

  void run_mini(const std::string& more) const {
    std::string text = kStudy + more;
    text.replace(text.find("COPY"), 4, copy_);
    text.replace(text.find("TASK"), 4, task_);
    const auto run =
        run_neurosweep({"run", write_text("study.toml", text), "--store", store(more.empty() ? "a" : "b")});
    ASSERT_EQ(run.status, 0) << run.err;
  }

  std::string exported(const std::string& experiment, const std::string& model, const std::string& folder = "a") const {
    const std::string path = store("exported.json");
    const auto run = run_neurosweep(
        {"export", store(folder), "--experiment", experiment, "--model", model, "--task", "compare", "--out", path});
    EXPECT_EQ(run.status, 0) << run.err;
    return testing::read_file(path);
  }

  ProgramResult transfer(const std::string& map, const std::vector<std::string>& more = {},
                         const std::string& receiver = "") const {
    std::vector<std::string> words = {"transfer",   write_text("steer.json", steer_),
                                      "--donor",    testing::small_reasoner(),
                                      "--texts",    texts_,
                                      "--map",      map,
                                      "--out",      store("made.json"),
                                      "--receiver", receiver.empty() ? copy_ : receiver};
    words.insert(words.end(), more.begin(), more.end());
    return run_neurosweep(words);
  }

  Json made(const std::string& file = "made.json") const { return read_json(store(file)); }

  void expect_refused(const ProgramResult& run, const std::string& why) const {
    EXPECT_EQ(run.status, exit_status::kInput);
    EXPECT_THAT(run.err, HasSubstr(why));
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }

  std::string generated(const std::string& model, const std::string& steering, const std::string& strength) const {
    const auto run = run_neurosweep(
        {"generate", "--model", model, "--max-new-tokens", "12", "--steer", steering, "--strength", strength},
        "{\"id\":1,\"text\":\"order: Gus < Cat, Ned < Gus; least Ned\\n\"}\n");
    EXPECT_EQ(run.status, 0) << run.err;
    return run.out;
  }

  std::vector<Json> items_;
  std::string copy_ = dir_.file("copy"), task_, texts_, steer_;
};

std::vector<double> numbers(const Json& file, const char* key) {
  return file.at(key).get<std::vector<double>>();
}

double norm_of(const Json& file) {
  double squares = 0;
  for (const double value : numbers(file, "value")) squares += value * value;
  return std::sqrt(squares);
}

TEST_F(TransferVerbTest, FindsAPlantedPermutationOfEveryNeuron) {
  Json all = parse_json(steer_, "steer.json");
  all["layer"] = all["neuron"] = all["value"] = Json::array();
  for (int i = 0; i < 1024; ++i) {
    all["layer"].push_back(i / 256);
    all["neuron"].push_back(i % 256);
    all["value"].push_back(0.25 * (i % 5 + 1));
  }
  steer_ = json_text(all);

  const auto run = transfer("matching");

  ASSERT_EQ(run.status, 0) << run.err;
  const auto layers = numbers(made(), "layer"), neurons = numbers(made(), "neuron"), values = numbers(made(), "value");
  ASSERT_EQ(neurons.size(), 1024U);
  int found = 0;
  for (std::size_t i = 0; i < neurons.size(); ++i) {
    const bool right =
        layers[i] == static_cast<double>(i / 256) && planted(static_cast<std::size_t>(neurons[i])) == i % 256;
    found += right && std::abs(values[i] - 0.25 * static_cast<double>(i % 5 + 1)) < 1e-3;
  }
  EXPECT_GE(found, 1014);
  expect_refused(transfer("matching", {"--random", store("random.json")}), "a matched random set needs 256 neurons");
  EXPECT_THAT(run.out, HasSubstr("layer 3 -> 3: CKA 1.000; 256 neurons matched, mean correlation 1.000 fitted, 1.000 "
                                 "held out (shuffled 0."));
  EXPECT_THAT(run.out,
              HasSubstr("made.json: push of 1024 neurons for 1024 of the donor's ('transfer/matching/gradient')"
                        ", mean correlation held out 1.000"));
}

TEST_F(TransferVerbTest, GivesWhatATransferStudyGivesOverTheSameTexts) {
  run_mini(kTransfer);
  std::vector<TaskItem> order;
  for (const Json& item : items_) order.emplace_back().id = text_of(item, "id");
  std::string lines;
  for (const TaskItem& each : take(order, std::ssize(order), kSeed)) {
    const Json& item = *std::ranges::find_if(items_, [&](const Json& one) { return text_of(one, "id") == each.id; });
    lines += json_text({{"prompt", text_of(item, "question") + "\n"},
                        {"text", text_of(item, "reasoning") + "\nA: " + text_of(item, "answer")}}) +
             "\n";
  }
  testing::write_file(texts_, lines);

  for (const std::string map : {"matching", "ridge", "procrustes", "identity"}) {
    const auto run = transfer(map);
    ASSERT_EQ(run.status, 0) << run.err;
    const Json study = parse_json(exported("transfer/" + map + "/gradient", "copy", "b"), "the study's");
    EXPECT_EQ(made().at("layer"), study.at("layer")) << map;
    EXPECT_EQ(made().at("neuron"), study.at("neuron")) << map;
    EXPECT_EQ(made().at("value"), study.at("value")) << map;
    EXPECT_EQ(made().at("model"), study.at("model")) << map;
    EXPECT_EQ(made().at("from").at("experiment"), study.at("from").at("experiment"));
  }
}

TEST_F(TransferVerbTest, WhatItWritesSteersTheReceiverAsTheFileSteersTheDonor) {
  ASSERT_EQ(transfer("matching").status, 0);
  const std::string steer = store("steer.json"), moved = store("made.json");

  EXPECT_EQ(generated(copy_, moved, "30"), generated(testing::small_reasoner(), steer, "30"));
  EXPECT_NE(generated(copy_, moved, "30"), generated(copy_, moved, "0"));
  EXPECT_EQ(run_neurosweep({"edit", moved, "--model", copy_, "--out", store("edited")}).status, 0);
  EXPECT_EQ(run_neurosweep({"export", moved, "--format", "json", "--checkpoint", copy_}).status, 0);
}

TEST_F(TransferVerbTest, MapsATemplateToAnotherArchitecture) {
  Json pull = parse_json(steer_, "steer.json");
  pull["form"] = "pull";
  pull["sd"] = std::vector<double>(pull.at("neuron").size(), 0.5);
  steer_ = json_text(pull);
  const std::string large = kModels + "/reasoner-large";

  for (const std::string map : {"matching", "ridge", "procrustes"}) {
    const auto run = transfer(map, {"--align", "means", "--layers", "all"}, large);
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(made().at("form"), "pull");
    EXPECT_EQ(made().at("model").at("name"), "reasoner-large");
    EXPECT_EQ(made().at("sd").size(), made().at("neuron").size());
    generated(large, store("made.json"), "1");
  }
}

TEST_F(TransferVerbTest, WritesControlsThatFollowTheSeed) {
  const auto write = [&](const std::string& seed) {
    const auto run =
        transfer("ridge", {"--shuffled", store("shuffled.json"), "--random", store("random.json"), "--seed", seed});
    ASSERT_EQ(run.status, 0) << run.err;
  };
  write("7");
  const Json real = made(), shuffled = made("shuffled.json"), random = made("random.json");
  write("7");
  EXPECT_EQ(made("shuffled.json"), shuffled);
  EXPECT_EQ(made("random.json"), random);
  write("8");
  EXPECT_EQ(made(), real);
  EXPECT_NE(made("shuffled.json"), shuffled);
  EXPECT_NE(made("random.json"), random);

  EXPECT_NEAR(norm_of(shuffled) / norm_of(real), 1, 1e-6);
  EXPECT_NE(random.at("neuron"), real.at("neuron"));
  EXPECT_EQ(shuffled.at("from").at("experiment"), "transfer/ridge-shuffled/gradient");
  EXPECT_EQ(random.at("from").at("experiment"), "transfer/ridge/random gradient");
}

TEST_F(TransferVerbTest, IdentityTellsWhetherNeuronsAreWhereTheyWere) {
  const auto run = transfer("identity");

  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(made().at("neuron"), parse_json(steer_, "steer.json").at("neuron"));
  EXPECT_THAT(run.out, HasSubstr("layer 0 -> 0: CKA 1.000; 0 of 256 neurons match their namesake best"));
}

TEST_F(TransferVerbTest, RefusesWhatCannotBeMapped) {
  const std::string large = kModels + "/reasoner-large";
  expect_refused(transfer("identity", {}, large), "no identity between 'small' (4 layers of 256 neurons) and");
  expect_refused(transfer("matchin"), "--map = 'matchin' (valid: identity, matching, ridge, procrustes)");
  expect_refused(transfer("matching", {"--align", "mean"}), "--align = 'mean' (valid: characters, means)");
  expect_refused(transfer("ridge", {"--samples", "3"}), "--samples must be between 20 and 1000000, found 3");
  expect_refused(transfer("identity", {"--shuffled", store("s.json")}), "not for identity");
  expect_refused(transfer("matching", {"--random", store("made.json")}), "made.json: is named twice");
  expect_refused(transfer("matching", {}, testing::small_reasoner()), "are one checkpoint");
  expect_refused(run_neurosweep({"transfer", store("steer.json"), "--donor", copy_}), "--receiver DIR is missing");
  expect_refused(run_neurosweep({"transfer", store("steer.json"), "--donor", copy_, "--receiver", large, "--texts",
                                 texts_, "--map", "ridge", "--out", store("made.json")}),
                 "neurons of one checkpoint say nothing about another's");
  const auto refused = [&](const char* key, const Json& value, const std::string& why) {
    Json changed = parse_json(steer_, "steer.json");
    (changed.contains(key) ? changed : changed["model"])[key] = value;
    const std::string kept = std::exchange(steer_, json_text(changed));
    expect_refused(transfer("matching", {"--random", store("random.json")}), why);
    steer_ = kept;
  };
  refused("layers", 5, "is for 5 layers of 256 neurons, but");
  refused("value", std::vector<double>(60, 0.0), "pushes nothing on 'copy'");
  refused("neurons_per_layer", 300, "is for 4 layers of 300 neurons, but");
  EXPECT_FALSE(std::filesystem::exists(store("made.json"))) << "a refusal writes nothing";
}

TEST_F(TransferVerbTest, LeavesOutTextsOfOneTokenWithALine) {
  const auto without = transfer("ridge");
  const Json made_without = made();
  testing::write_file(texts_, testing::read_file(texts_) + "a\na\n");

  const auto run = transfer("ridge");

  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("texts.txt: 2 of 32 texts are left out, the first is "));
  EXPECT_THAT(run.err, HasSubstr("texts.txt:31: beyond the first token, which is not observed, it has none"));
  EXPECT_THAT(without.err, ::testing::Not(HasSubstr("left out")));
  EXPECT_EQ(made(), made_without);
}

TEST_F(TransferVerbTest, RefusesTextsThatCannotTell) {
  const auto refused = [&](const std::string& texts, const std::string& why) {
    testing::write_file(texts_, texts);
    expect_refused(transfer("matching"), why);
  };
  std::string same, twelve, single;
  for (int i = 0; i < 12; ++i) {
    same += "order: Gus\n";
    single += "a\n";
    twelve += "{\"text\":\"order: Gus\"}\n";
  }
  refused("one\ntwo\n", "texts.txt: 2 texts, expected 10 at least");
  refused(single, "texts.txt: 0 texts can be compared, expected 10 at least: the first that cannot is");
  refused(same, "no neuron of it maps to 'copy'");
  refused(twelve + "{\"txt\":\"order\"}\n", "texts.txt:13");
  refused(twelve + "{\"text\":\"\"}\n", "texts.txt:13: an empty text");
  refused(twelve + "{\"text\":\"" + std::string(4000, 'a') + "\"}\n", "texts.txt:13");
}

}  // namespace
}  // namespace neurosweep
