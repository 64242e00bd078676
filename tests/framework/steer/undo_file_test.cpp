#include "framework/steer/undo_file.hpp"

#include <filesystem>

#include <gmock/gmock.h>

#include "framework/model/weights.hpp"
#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/framework/steer/edited_checkpoint.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::golden_dir;
using ::testing::HasSubstr;
using testing::random_pattern;

class UndoTest : public ::testing::Test {
 protected:
  std::string edit(const std::string& source, const std::vector<WeightEdit>& edits, BiasForm form) {
    const LayerTensors model(source);
    const CheckpointEdit made = testing::write_edited(source, edits, form, edited_);
    return undo_text(model, made, edited_);
  }

  void undo(const std::string& text) {
    const LayerTensors model(edited_);
    const Undo parsed = parse_undo(parse_json(text, "undo.json"), "undo.json", model);
    EXPECT_EQ(parsed.checkpoint_hash, hash_checkpoint(edited_));
    fs::create_directory(restored_);
    write_checkpoint(edited_, model.checkpoint(), parsed.changes, restored_);
  }

  /// Every file of the restored folder is the source's.
  void expect_restored(const std::string& source) {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(restored_)) {
      const std::string name = entry.path().filename().string();
      EXPECT_TRUE(testing::read_file(entry.path().string()) == testing::read_file(source + "/" + name)) << name;
      ++files;
    }
    EXPECT_GE(files, 2);
    EXPECT_NE(hash_checkpoint(edited_), hash_checkpoint(source));
    EXPECT_EQ(hash_checkpoint(restored_), hash_checkpoint(source));
  }

  testing::TempDir temp_;
  std::string edited_ = temp_.file("edited"), restored_ = temp_.file("restored");
};

TEST_F(UndoTest, BringsBackTheBytesOfEveryKindOfEditInEveryForm) {
  const std::vector<std::pair<std::string, BiasForm>> cases = {
      {"llama-gqa-llama3rope", BiasForm::own}, {"llama-linear-rope-tied-bf16", BiasForm::own},
      {"qwen2-tied", BiasForm::llama},         {"qwen2-tied", BiasForm::neurons},
      {"qwen3-fp16", BiasForm::neurons},       {"gpt2", BiasForm::own},
      {"gpt2-without-prefix", BiasForm::own}};
  for (const auto& [golden, form] : cases) {
    SCOPED_TRACE(golden);
    const std::string source = golden_dir(golden);
    const SteeringPattern pull = random_pattern(read_arch(source), SteeringForm::pull);
    const NeuronId one{LayerIndex(0), NeuronIndex(7)};
    const std::vector<WeightEdit> edits = {FoldEdit{pull, 0.5}, ScaleEdit{{one}, 0},
                                           RankOneEdit{{{LayerIndex(1), NeuronIndex(9)}}, {1}, {3}, 0.5}};

    undo(edit(source, edits, form));

    expect_restored(source);
    fs::remove_all(edited_);
    fs::remove_all(restored_);
  }
}

TEST_F(UndoTest, IsRefusedWhenItsBytesDoNotFit) {
  std::string text = edit(golden_dir("gpt2"), {ScaleEdit{{{LayerIndex(0), NeuronIndex(7)}}, 0}}, BiasForm::own);
  const std::size_t bytes = text.find("\"bytes\":\"") + 9;
  text.erase(bytes, 8);

  expect_error(ErrorKind::input, HasSubstr("the undo file holds"), [&] { undo(text); });
  expect_error(ErrorKind::input, HasSubstr("undo.json: this is no undo file"), [&] { undo("{}"); });
}

TEST_F(UndoTest, NamesNoFileButThoseOfItsKind) {
  const std::string text = edit(golden_dir("gpt2"), {ScaleEdit{{{LayerIndex(0), NeuronIndex(7)}}, 0}}, BiasForm::own);
  for (const char* name : {"../evil.sh", "/tmp/evil", "", ".", "..", "a\\b", "run.sh"}) {
    Json json = parse_json(text, "undo");
    json["files"][name] = "text";
    expect_error(ErrorKind::input, HasSubstr("is none that an undo file holds"), [&] { undo(json_text(json)); });
  }
  EXPECT_FALSE(fs::exists(temp_.file("evil.sh")));
  EXPECT_FALSE(fs::exists(restored_));
}

TEST_F(UndoTest, IsForACheckpointThatItNames) {
  Json json =
      parse_json(edit(golden_dir("gpt2"), {ScaleEdit{{{LayerIndex(0), NeuronIndex(7)}}, 0}}, BiasForm::own), "u");
  json["checkpoint_hash"] = "";
  expect_error(ErrorKind::input, HasSubstr("checkpoint_hash is empty"), [&] { undo(json_text(json)); });
}

TEST_F(UndoTest, IsKnownByItsFormatWhereverThatStands) {
  Json json = {{"note", std::string(300, 'x')}, {"format", "neurosweep undo"}};
  EXPECT_TRUE(is_undo(json, "u"));
  EXPECT_FALSE(is_undo({{"note", "neurosweep undo"}, {"format", "neurosweep edits"}}, "u"));
}

TEST_F(UndoTest, WithShapesAndColumnsThatDoNotFitIsRefused) {
  const std::string source = golden_dir("llama-gqa-llama3rope");
  const Json good = parse_json(
      edit(source, {FoldEdit{random_pattern(read_arch(source), SteeringForm::pull), 0.5}}, BiasForm::neurons), "u");
  const std::string file = good.at("headers").begin().key(), name = good.at("tensors").begin().key();
  const auto refuse_tensor = [&](const char* key, const Json& value, const std::string& why) {
    Json json = good;
    json["tensors"][name][key] = value;
    expect_error(ErrorKind::input, HasSubstr(why), [&] { undo(json_text(json)); });
  };
  const auto refuse_header = [&](const std::string& tensor, const char* key, const Json& value,
                                 const std::string& why) {
    Json json = good, header = parse_json(good.at("headers").at(file).get<std::string>(), "h");
    header[tensor][key] = value;
    json["headers"][file] = json_text(header);
    expect_error(ErrorKind::input, HasSubstr(why), [&] { undo(json_text(json)); });
    fs::remove_all(restored_);
  };

  refuse_tensor("columns", {0, 1000000}, "column 1000000 is outside its");
  refuse_tensor("columns", {-1}, "column -1 is outside its");
  refuse_tensor("dim", 2, "columns along dimension 2");
  refuse_tensor("dim", -1, "columns along dimension -1");
  refuse_header(name, "shape", {0, 0}, "is outside its 0 columns");
  refuse_header(name, "shape", {0, 56}, "the undo file holds");
  refuse_header(name, "shape", {16}, "no part of the");
  refuse_header(name, "shape", {-1, 16}, "no part of the");
  refuse_header(name, "shape", {1000000, 1000000}, "no part of the");
  refuse_header(name, "dtype", "F64", "no part of the");
  refuse_header(name, "data_offsets", Json::array(), "has no two offsets");
  refuse_header(good.at("tensors").begin().key(), "dtype", "?", "no part of the");
}

TEST_F(UndoTest, HoldsNoFileThatALinkLeadsOutOfTheCheckpointTo) {
  const std::string source = temp_.file("source"), key = temp_.file("key");
  fs::copy(golden_dir("gpt2"), source);
  testing::write_file(key, "secret");
  fs::create_symlink(key, source + "/" + kProvenanceFile);

  const std::string text = edit(source, {ScaleEdit{{{LayerIndex(0), NeuronIndex(7)}}, 0}}, BiasForm::own);

  EXPECT_EQ(text.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace neurosweep
