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
    const Undo parsed = parse_undo(text, "undo.json", model);
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

}  // namespace
}  // namespace neurosweep
