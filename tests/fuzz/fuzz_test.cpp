// Every file that may come from others, damaged some thousand times from a seed: it is read, or refused by an Error.
// Nothing else is thrown, nothing crashes (run it under the sanitizers, too), nothing takes seconds.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/config/json.hpp"
#include "framework/config/study_spec.hpp"
#include "framework/config/toml.hpp"
#include "framework/model/checkpoint.hpp"
#include "framework/model/weights.hpp"
#include "framework/steer/edit_file.hpp"
#include "framework/steer/policy_file.hpp"
#include "framework/steer/steering_file.hpp"
#include "framework/steer/undo_file.hpp"
#include "framework/tasks/task.hpp"
#include "framework/text/prompt_template.hpp"
#include "framework/text/tokenizer.hpp"
#include "tests/fuzz/mutate.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::Mutator;
using testing::read_file;
using testing::write_file;

constexpr const char* kSource = NS_SOURCE_DIR;
constexpr std::chrono::seconds kTooLong{2};

/// Gives `times` damaged forms of some bytes to a reader, which must take or refuse each.
///   returns  how many it took
int feed(const std::string& bytes, int times, const std::function<void(const std::string&)>& read) {
  int taken = 0;
  for (int k = 0; k < times; ++k) {
    const std::string damaged = Mutator(static_cast<std::uint64_t>(k)).mutated(bytes);
    const auto begin = std::chrono::steady_clock::now();
    try {
      read(damaged);
      ++taken;
    } catch (const Error& refusal) {
      EXPECT_NE(refusal.kind(), ErrorKind::internal) << "seed " << k << ": " << refusal.what();
    } catch (const std::exception& other) {
      ADD_FAILURE() << "seed " << k << ": not an Error: " << other.what();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, kTooLong) << "seed " << k;
  }
  return taken;
}

class FuzzTest : public ::testing::Test {
 protected:
  /// A folder with a copy of a golden checkpoint.
  std::string checkpoint_copy() const {
    const std::string dir = temp_.file("model");
    fs::create_directory(dir);
    for (const char* name : {"config.json", "generation_config.json", "model.safetensors"}) {
      fs::copy_file(std::string(kSource) + "/tests/golden/data/qwen2-tied/" + name, dir + "/" + name);
    }
    return dir;
  }

  testing::TempDir temp_;
};

TEST_F(FuzzTest, Json) {
  const std::string bytes = read_file(std::string(kSource) + "/experiments/models/reasoner-small/config.json");

  const int taken = feed(bytes, 4000, [](const std::string& text) { json_text(Json(parse_json(text, "f"))); });

  EXPECT_GT(taken, 100);
}

TEST_F(FuzzTest, JsonNestedWithoutEndIsRefusedAndNotAStackThatRunsOver) {
  for (const char* open : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string text;
    for (int k = 0; k < 200000; ++k) text += open;
    expect_error(ErrorKind::input, HasSubstr("nested more than 500 deep"), [&] { parse_json(text, "f"); });
  }
  std::string deep = std::string(499, '[') + std::string(499, ']');
  EXPECT_EQ(json_text(Json(parse_json(deep, "f"))), deep);
}

TEST_F(FuzzTest, Studies) {
  const std::string bytes = read_file(std::string(kSource) + "/experiments/configs/demo.toml");
  const std::string path = temp_.file("study.toml");

  const int taken = feed(bytes, 1500, [&](const std::string& text) {
    write_file(path, text);
    read_study(path);
  });

  EXPECT_GT(taken, 20);
}

TEST_F(FuzzTest, TomlNestedWithoutEndIsRefused) {
  const std::string text = "a = " + std::string(100000, '[');
  EXPECT_THROW(parse_toml_text(text, "f"), Error);
}

TEST_F(FuzzTest, Tokenizers) {
  for (const char* name : {"gpt2", "llama3", "byte_fallback", "metaspace", "word_level"}) {
    const std::string bytes = read_file(fmt::format("{}/tests/golden/tokenizers/{}/tokenizer.json", kSource, name));
    const std::string path = temp_.file("tokenizer.json");

    feed(bytes, 250, [&](const std::string& text) {
      write_file(path, text);
      const Tokenizer tokenizer = Tokenizer::load(path);
      const auto ids = tokenizer.encode("Hello  12 w\xC3\xB6rld <|endoftext|>\n aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
                                        AddSpecialTokens::yes);
      tokenizer.decode(ids, SkipSpecialTokens::yes);
    });
  }
}

TEST_F(FuzzTest, ATokenizersPatternThatBacktracksForEverIsAnError) {
  const std::string path = temp_.file("tokenizer.json");
  Json json = read_json(std::string(kSource) + "/tests/golden/tokenizers/gpt2/tokenizer.json");
  json["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "(a+)+$"}}}, {"behavior", "Isolated"}, {"invert", false}};
  write_file(path, json_text(json));
  const Tokenizer tokenizer = Tokenizer::load(path);
  const auto begin = std::chrono::steady_clock::now();

  expect_error(ErrorKind::input, HasSubstr("cannot match"),
               [&] { tokenizer.encode(std::string(60, 'a') + "b", AddSpecialTokens::no); });

  EXPECT_LT(std::chrono::steady_clock::now() - begin, kTooLong);
}

TEST_F(FuzzTest, ConfigsOfModels) {
  const std::string dir = checkpoint_copy();
  const std::string bytes = read_file(dir + "/config.json");

  const int taken = feed(bytes, 3000, [&](const std::string& text) {
    write_file(dir + "/config.json", text);
    const ArchSpec arch = read_arch(dir);
    read_weights(dir, arch);
  });

  EXPECT_GT(taken, 50);
}

TEST_F(FuzzTest, Weights) {
  const std::string dir = checkpoint_copy();
  const std::string bytes = read_file(dir + "/model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::string head = bytes.substr(0, 8 + header), data = bytes.substr(8 + header);
  const ArchSpec arch = read_arch(dir);

  const auto read = [&](const std::string& file) {
    write_file(dir + "/model.safetensors", file);
    read_weights(dir, arch);
  };
  feed(head, 1500, [&](const std::string& damaged) { read(damaged + data); });
  feed(head.substr(8), 1500, [&](const std::string& damaged) {  // the length fits the damaged header
    std::uint64_t length = damaged.size();
    std::string file(reinterpret_cast<const char*>(&length), sizeof length);
    read(file + damaged + data);
  });
}

TEST_F(FuzzTest, HeadersThatLie) {
  const std::string path = temp_.file("x.safetensors");
  const auto refused = [&](std::uint64_t length, const std::string& rest, const std::string& why) {
    write_file(path, std::string(reinterpret_cast<const char*>(&length), sizeof length) + rest);
    expect_error(ErrorKind::input, HasSubstr(why), [&] { SafetensorsFile::open(path); });
  };
  const auto entry = [&](const std::string& shape, const std::string& offsets, const std::string& why) {
    const std::string text = R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
    refused(text.size(), text + "12345678", why);
  };

  refused(~std::uint64_t{0}, "{}", "over the limit");
  refused(std::uint64_t{1} << 63, "{}", "over the limit");
  refused(1000, "{}", "truncated");
  entry("[4294967296,4294967296]", "[0,8]", "does not take the 8 bytes");
  entry("[9223372036854775807,2]", "[0,8]", "does not take the 8 bytes");
  entry("[-1]", "[0,8]", "does not take the 8 bytes");
  entry("[2]", "[8,16]", "hole");
  entry("[2]", "[-8,0]", "data_offsets");
  entry("[2]", "[0,9223372036854775807]", "does not take");
  entry("[2]", "[0,8],\"dtype\":\"F32\"", "there twice");
}

TEST_F(FuzzTest, IndexFilesCannotNameAFileOutsideTheirFolder) {
  const std::string dir = checkpoint_copy(), outside = temp_.file("outside.safetensors");
  fs::rename(dir + "/model.safetensors", outside);
  for (const std::string& name : {std::string("../outside.safetensors"), outside, std::string(".."), std::string("a/b"),
                                  std::string("..\\\\outside.safetensors")}) {
    write_file(dir + "/model.safetensors.index.json", R"({"weight_map":{"w":")" + name + "\"}}");
    expect_error(ErrorKind::input, HasSubstr("not a plain file name"), [&] { Checkpoint::open(dir); });
  }
}

TEST_F(FuzzTest, SteeringFiles) {
  const std::string bytes = R"({"format": "neurosweep steering", "version": 1, "form": "pull",
    "model": {"name": "m", "family": "llama", "checkpoint_hash": "ab", "layers": 2, "neurons_per_layer": 8},
    "from": {"study": "s", "study_id": "i", "experiment": "e", "method": "x", "task": "t", "code_version": "1"},
    "layer": [0, 1, 1], "neuron": [3, 4, 5], "value": [0.5, 1, -2], "sd": [1, 1, 0.25]})";

  const int taken = feed(bytes, 4000, [](const std::string& text) { parse_steering(text, "f"); });

  EXPECT_GT(taken, 100);
}

TEST_F(FuzzTest, EditFiles) {
  const std::string bytes = R"({"format": "neurosweep edits", "version": 1,
    "protected": {"layer": [0], "neuron": [7]}, "edits": [
    {"op": "scale", "factor": 0.5, "layer": [0, 1], "neuron": [3, 9]}, {"op": "remove", "layer": [1], "neuron": [4]},
    {"op": "rank_one", "layer": [1], "neuron": [5], "key": [0.4], "target": [0.9], "strength": 1}]})";
  const LayerTensors model(checkpoint_copy());

  const int taken = feed(bytes, 3000, [&](const std::string& text) {
    const EditFile file = parse_edits(text, "f");
    make_layer_edits(model, file.edits);
  });

  EXPECT_GT(taken, 10);
}

TEST_F(FuzzTest, UndoFiles) {
  const std::string source = checkpoint_copy(), edited = temp_.file("edited");
  const LayerTensors model(source);
  const SteeringPattern pull{SteeringForm::pull, "x", {{{LayerIndex(0), NeuronIndex(3)}, 0.5, 1}}};
  const CheckpointEdit edit = edit_checkpoint(model, make_layer_edits(model, {FoldEdit{pull, 0.5}}), BiasForm::neurons);
  fs::create_directory(edited);
  write_checkpoint(source, model.checkpoint(), edit.changes, edited);
  const std::string bytes = undo_text(model, edit, edited);
  const LayerTensors changed(edited);

  const int taken = feed(bytes, 2000, [&](const std::string& text) {
    for (const auto& [name, change] : parse_undo(parse_json(text, "f"), "f", changed).changes.tensors) change.make();
  });

  EXPECT_GT(taken, 100);
}

TEST_F(FuzzTest, Policies) {
  const std::string bytes = R"(format = "neurosweep policy"
version = 1
model = "tiny"
checkpoint_hash = "c0ffee"
layers = 2
neurons_per_layer = 4
denied = ["0:3", "1:*"]
[[envelope]]
neuron = "0:0"
low = -0.5
high = 1.25
)";

  const int taken = feed(bytes, 3000, [](const std::string& text) { parse_policy(text, "f"); });

  EXPECT_GT(taken, 20);
}

TEST_F(FuzzTest, TaskFiles) {
  std::string bytes;
  std::ifstream lines(std::string(kSource) + "/experiments/models/tasks/arith.jsonl");
  for (std::string line; bytes.size() < 3000 && std::getline(lines, line);) bytes += line + "\n";
  for (const char* name : {"t.jsonl", "t.json", "t.jsonl.gz"}) {
    const std::string path = temp_.file(name);
    feed(bytes, 800, [&](const std::string& text) {
      write_file(path, text);
      read_task(path);
    });
  }
}

TEST_F(FuzzTest, Templates) {
  feed("{question}\n{{\"x\"}} {answer} {split}", 3000, [](const std::string& text) {
    PromptTemplate(text, "f").fill({{"question", "{answer}"}, {"answer", "1"}, {"split", ""}});
  });
}

}  // namespace
}  // namespace neurosweep
