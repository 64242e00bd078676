#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::read_file;
using testing::run_neurosweep;
using testing::run_program;
using testing::small_reasoner;

constexpr const char* kGradient = R"(
[[experiment]]
kind = "gradient"
items = 20
top = 6
)";

constexpr const char* kRemoveLayer0 = R"({"format": "neurosweep edits", "version": 1, "edits": [
  {"op": "scale", "factor": 0, "layer": [0, 0, 0, 0, 0, 0, 0, 0], "neuron": [0, 1, 2, 3, 4, 5, 6, 7]},
  {"op": "scale", "factor": -8, "layer": [1, 1, 1, 1, 1, 1], "neuron": [0, 1, 2, 3, 4, 5]}]})";

std::string golden(const std::string& name) {
  return NS_SOURCE_DIR "/tests/golden/data/" + name;
}

/// A Python with these modules, or "": where NEUROSWEEP_PYTHON points, else python3.
std::string python_with(const std::string& modules) {
  const char* chosen = std::getenv("NEUROSWEEP_PYTHON");
  const std::string python = chosen != nullptr ? chosen : "python3";
  return run_program({python, "-c", "import " + modules}).status == 0 ? python : "";
}

class EditTest : public testing::StudyTest {
 protected:
  ProgramResult edit(const std::string& file, const std::string& out, std::vector<std::string> more = {},
                     const std::string& model = small_reasoner()) const {
    std::vector<std::string> words = {"edit", file, "--model", model, "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    return run_neurosweep(words);
  }

  /// A steering file of a gradient study on the small reasoner.
  std::string steering_file() const {
    const std::string study = write_text("g.toml", testing::study_head("shared", {"sort"}) + kGradient);
    EXPECT_EQ(run_neurosweep({"run", study, "--store", store("g")}).status, 0);
    const auto exported = run_neurosweep(
        {"export", store("g"), "--experiment", "gradient", "--model", "small", "--out", store("steer.json")});
    EXPECT_EQ(exported.status, 0) << exported.err;
    return store("steer.json");
  }

  /// A steering file for a golden checkpoint, on neurons of its layers but the first.
  std::string golden_steering(const std::string& name) const {
    const std::string file = "steer-" + name + ".json";
    const auto text = [&](const std::string& hash) {
      return write_text(file, R"({"format": "neurosweep steering", "version": 1, "form": "push",
        "model": {"name": "m", "family": "f", "checkpoint_hash": ")" +
                                  hash + R"(", "layers": 2, "neurons_per_layer": 40},
        "from": {"study": "s", "study_id": "i", "experiment": "e", "method": "m", "task": "t", "code_version": "1"},
        "layer": [1, 1], "neuron": [3, 20], "value": [2.5, -1.5]})");
    };
    const std::string refusal = edit(text("?"), store("none"), {}, golden(name)).err;
    const std::string marker = golden(name) + " is ";
    EXPECT_THAT(refusal, HasSubstr(marker));
    return text(refusal.substr(refusal.find(marker) + marker.size(), 32));
  }
};

TEST_F(EditTest, AnEditedCheckpointAnswersAsTheSteeredModelAndIsUndoneToTheByte) {
  const std::string file = steering_file(), out = store("edited"), back = store("back");
  const std::string prompts = "{\"id\":1,\"text\":\"Q: sort 4 2 9\\n\"}\n{\"id\":2,\"text\":\"calc:9+1-7\\n\"}\n";
  const auto generated = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"generate", "--max-new-tokens", "16"});
    const auto made = run_neurosweep(words, prompts);
    EXPECT_EQ(made.status, 0) << made.err;
    return made.out;
  };

  const auto made = edit(file, out, {"--strength", "30"});

  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("0 columns of W_down changed, a constant added in"));
  EXPECT_EQ(generated({"--model", out}),
            generated({"--model", small_reasoner(), "--steer", file, "--strength", "30", "--scope", "all"}));
  EXPECT_NE(generated({"--model", out}), generated({"--model", small_reasoner()}));
  const Json provenance = read_json(out + "/neurosweep_edit.json");
  EXPECT_EQ(provenance.at("strength"), 30);
  EXPECT_EQ(provenance.at("made_from").at("checkpoint_hash"), read_json(file).at("model").at("checkpoint_hash"));
  EXPECT_THAT(edit(file, store("twice"), {}, out).err, HasSubstr("is for the checkpoint"));

  const auto undone = edit(out + "/neurosweep_undo.json", back, {}, out);
  ASSERT_EQ(undone.status, 0) << undone.err;
  for (const auto& entry : fs::directory_iterator(small_reasoner())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(read_file(entry.path().string()) == read_file(back + "/" + name)) << name;
  }
  EXPECT_FALSE(fs::exists(back + "/neurosweep_edit.json"));
  EXPECT_THAT(run_neurosweep({"diff", small_reasoner(), back}).out, HasSubstr("0 neurons differ"));
}

TEST_F(EditTest, AGuardThatLosesTooMuchRefusesTheWriteUnlessForced) {
  const std::string file = write_text("remove.json", kRemoveLayer0), out = store("edited");
  const std::string study = write_text("guard.toml", testing::study_head("guard", {"sort", "compare"}) + kGradient);
  const std::vector<std::string> guard = {"--guard", study, "--guard-task", "compare", "--guard-items", "24"};

  const auto refused = edit(file, out, guard);

  EXPECT_EQ(refused.status, exit_status::kInput);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("guard 'compare'"), HasSubstr("over the bound of 1 points"),
                                 HasSubstr("nothing was written")));
  EXPECT_FALSE(fs::exists(out));
  for (const auto& entry : fs::directory_iterator(fs::path(out).parent_path())) {
    EXPECT_EQ(entry.path().string().find("unfinished"), std::string::npos) << entry.path();
  }
  std::vector<std::string> forced = guard, lenient = guard;
  forced.emplace_back("--force");
  lenient.insert(lenient.end(), {"--max-drop", "100", "--replace"});
  ASSERT_EQ(edit(file, out, forced).status, 0);
  const Json measured = read_json(out + "/neurosweep_edit.json").at("guards").at(0);
  EXPECT_EQ(measured.at("passed"), false);
  EXPECT_EQ(measured.at("items"), 24);
  EXPECT_EQ(measured.at("split"), "validate");
  EXPECT_LT(measured.at("after").get<double>(), measured.at("before").get<double>());
  std::vector<std::string> by_test = guard, by_none = guard;
  by_test.insert(by_test.end(), {"--guard-split", "test"});
  by_none.insert(by_none.end(), {"--guard-split", "train"});
  EXPECT_THAT(edit(file, store("more"), by_test).err, HasSubstr("24 items of split test"));
  EXPECT_THAT(edit(file, store("more"), by_none).err, HasSubstr("train"));
  ASSERT_EQ(edit(file, out, lenient).status, 0);
  EXPECT_EQ(read_json(out + "/neurosweep_edit.json").at("guards").at(0).at("passed"), true);
}

TEST_F(EditTest, OnlyFoldersThatItWroteAreReplaced) {
  const std::string file = write_text("remove.json", kRemoveLayer0), out = store("edited");
  fs::create_directory(out);
  testing::write_file(out + "/thesis.txt", "x");

  EXPECT_THAT(edit(file, out).err, HasSubstr("is there already: name another folder, or give --replace"));
  EXPECT_THAT(edit(file, out, {"--replace"}).err, HasSubstr("was not written by `neurosweep edit`"));
  EXPECT_EQ(read_file(out + "/thesis.txt"), "x");
  testing::write_file(out + "/neurosweep_edit.json", "{}");
  fs::create_directory(out + "/more");
  EXPECT_THAT(edit(file, out, {"--replace"}).err, HasSubstr("more: is no plain file"));
  fs::remove(out + "/more");
  EXPECT_EQ(edit(file, out, {"--replace"}).status, 0);
  EXPECT_FALSE(fs::exists(out + "/thesis.txt"));
}

TEST_F(EditTest, AProtectedNeuronIsNotTouched) {
  const std::string file = write_text("remove.json", kRemoveLayer0);
  const std::string kept = write_text("kept.json", R"({"layer": [0], "neuron": [5]})");

  const auto refused = edit(file, store("edited"), {"--protect", kept});

  EXPECT_EQ(refused.status, exit_status::kInput);
  EXPECT_THAT(refused.err, HasSubstr("kept.json: neuron 5 of layer 0 is protected"));
  EXPECT_FALSE(fs::exists(store("edited")));
}

TEST_F(EditTest, AnUndoFileTakesNoOptionOfAnEdit) {
  const std::string out = store("edited"), undo = out + "/neurosweep_undo.json";
  ASSERT_EQ(edit(write_text("remove.json", kRemoveLayer0), out).status, 0);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"--guard", "s.toml"},
                                                                                     {"--protect", "p.json"},
                                                                                     {"--strength", "1"},
                                                                                     {"--bias=own"},
                                                                                     {"--force"},
                                                                                     {"--no-undo"}}) {
    const auto refused = edit(undo, store("back"), words, out);
    EXPECT_EQ(refused.status, exit_status::kInput) << words[0];
    EXPECT_THAT(refused.err, HasSubstr("is an undo file, which takes no " + words[0].substr(0, words[0].find('='))));
    EXPECT_FALSE(fs::exists(store("back")));
  }
}

TEST_F(EditTest, AProtectedNeuronThatTheModelHasNotIsRefused) {
  const std::string kept = write_text("kept.json", R"({"layer": [99], "neuron": [5]})");
  const auto refused = edit(write_text("remove.json", kRemoveLayer0), store("edited"), {"--protect", kept});
  EXPECT_EQ(refused.status, exit_status::kInput);
  EXPECT_THAT(refused.err, HasSubstr("protected: neuron 5 of layer 99 is outside the model"));
}

TEST_F(EditTest, ADiffNamesTheNeuronsThatDiffer) {
  ASSERT_EQ(edit(write_text("remove.json", kRemoveLayer0), store("edited")).status, 0);

  const auto text = run_neurosweep({"diff", small_reasoner(), store("edited"), "--top", "3"});
  const auto json = run_neurosweep({"diff", small_reasoner(), store("edited"), "--json"});

  EXPECT_THAT(text.out, HasSubstr("14 neurons differ"));
  const Json found = parse_json(json.out, "diff");
  ASSERT_EQ(found.at("neurons").size(), 14U);
  EXPECT_EQ(found.at("neurons").at(7).at("neuron"), 7);
  EXPECT_NEAR(found.at("neurons").at(7).at("down_relative").get<double>(), 1, 1e-12);
  EXPECT_NEAR(found.at("neurons").at(8).at("down_relative").get<double>(), 9, 1e-6);
  EXPECT_TRUE(found.at("tensors").empty());
}

TEST_F(EditTest, TransformersLoadsItAndGivesTheLogitsOfTheSteeredModel) {
  const std::string python = python_with("torch, transformers");
  if (python.empty()) GTEST_SKIP() << "needs a Python with torch and transformers (NEUROSWEEP_PYTHON)";
  const std::vector<std::tuple<std::string, std::string, double>> cases = {
      {"llama-gqa-llama3rope", "own", 1e-4},
      {"llama-gqa-llama3rope", "neurons", 1e-4},
      {"qwen2-tied", "llama", 1e-4},
      {"qwen2-tied", "neurons", 1e-4},
      {"gpt2", "own", 1e-4},
      {"qwen3-fp16", "neurons", 2e-3}};  // fp16 rounds the columns
  std::vector<std::string> words = {python, NS_SOURCE_DIR "/tests/integration/edit_parity.py"};
  for (const auto& [name, bias, bound] : cases) {
    const std::string file = golden_steering(name), out = store(name + bias);
    ASSERT_EQ(edit(file, out, {"--bias", bias, "--strength", "0.7"}, golden(name)).status, 0);
    words.insert(words.end(), {golden(name), out, file, "0.7"});
  }

  const auto compared = run_program(words);

  ASSERT_EQ(compared.status, 0) << compared.err;
  const Json results = parse_json(compared.out, "edit_parity.py");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& [name, bias, bound] = cases[i];
    EXPECT_LT(results.at(i).at("difference").get<double>(), bound) << name << ' ' << bias;
    EXPECT_GT(results.at(i).at("effect").get<double>(), 0.1) << name << ' ' << bias;
  }
}

TEST_F(EditTest, ExportsAreReadByTheLibrariesOfTheirFormats) {
  const std::string python = python_with("gguf, safetensors.numpy");
  if (python.empty()) GTEST_SKIP() << "needs a Python with gguf and safetensors (NEUROSWEEP_PYTHON)";
  const std::string name = "llama-gqa-llama3rope", file = golden_steering(name);
  const auto exported = [&](const std::string& format, const std::string& out) {
    const auto made = run_neurosweep(
        {"export", file, "--format", format, "--checkpoint", golden(name), "--strength", "0.5", "--out", store(out)});
    EXPECT_EQ(made.status, 0) << made.err;
    return store(out);
  };
  const std::vector<std::string> files = {exported("gguf", "l.gguf"), exported("easysteer", "e.gguf"),
                                          exported("repeng", "r.gguf"), exported("safetensors", "s.safetensors")};
  const Json expected = read_json(exported("json", "j.json")).at("layers").at("1");

  std::vector<std::string> words = {python, NS_SOURCE_DIR "/tests/integration/read_exports.py"};
  words.insert(words.end(), files.begin(), files.end());
  const auto read = run_program(words);

  ASSERT_EQ(read.status, 0) << read.err;
  const Json found = parse_json(read.out, "read_exports.py");
  for (const std::string& each : files) EXPECT_EQ(found.at(each).at("1"), expected) << each;
  EXPECT_EQ(found.at(files[2]).size(), 3U) << "repeng wants every layer";
}

}  // namespace
}  // namespace neurosweep
