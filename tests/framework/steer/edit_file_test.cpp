#include "framework/steer/edit_file.hpp"

#include <gmock/gmock.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

std::string with_edits(const std::string& edits, const std::string& more = "") {
  return R"({"format": "neurosweep edits", "version": 1, )" + more + "\"edits\": [" + edits + "]}";
}

void expect_refused(const std::string& text, const std::string& why) {
  expect_error(ErrorKind::input, HasSubstr(why), [&] { parse_edits(text, "e.json"); });
}

constexpr const char* kScale = R"({"op": "scale", "factor": 0.5, "layer": [0, 1], "neuron": [3, 9]})";

std::string steering(const std::string& hash, const std::string& form = "push") {
  SteeringFile file;
  file.checkpoint_hash = hash;
  file.n_layers = 2;
  file.n_neurons_per_layer = 16;
  file.pattern = {form == "push" ? SteeringForm::push : SteeringForm::pull,
                  "learned",
                  {{{LayerIndex(1), NeuronIndex(3)}, 0.5, 0.1}}};
  return steering_text(file);
}

TEST(EditFileTest, HoldsEditsInTheirOrder) {
  testing::TempDir temp;
  testing::write_file(temp.file("s.json"), steering("c0ffee"));
  const std::string text = with_edits(std::string(kScale) + R"(, {"op": "remove", "layer": [1], "neuron": [2]},
      {"op": "rank_one", "layer": [0], "neuron": [4], "key": [2], "target": [1], "strength": 0.5},
      {"op": "fold", "steering": "s.json", "strength": 0.25})",
                                      R"("protected": {"layer": [0], "neuron": [5]}, )");

  const EditFile file = parse_edits(text, temp.file("e.json"));

  ASSERT_EQ(file.edits.size(), 4U);
  EXPECT_EQ(std::get<ScaleEdit>(file.edits[0]).factor, 0.5);
  EXPECT_EQ(std::get<ScaleEdit>(file.edits[1]).factor, 0);
  EXPECT_EQ(std::get<RankOneEdit>(file.edits[2]).strength, 0.5);
  EXPECT_EQ(std::get<FoldEdit>(file.edits[3]).strength, 0.25);
  EXPECT_EQ(touched_neurons(file.edits[0])[1], (NeuronId{LayerIndex(1), NeuronIndex(9)}));
  EXPECT_EQ(touched_neurons(file.edits[3])[0], (NeuronId{LayerIndex(1), NeuronIndex(3)}));
  EXPECT_EQ(file.checkpoint_hash, "c0ffee") << "of the steering file";
}

TEST(EditFileTest, RefusesAnEditOfAProtectedNeuron) {
  expect_refused(with_edits(kScale, R"("protected": {"layer": [1], "neuron": [9]}, )"),
                 "e.json: neuron 9 of layer 1 is protected");
  EditFile file = parse_edits(with_edits(kScale), "e.json");
  expect_error(ErrorKind::input, HasSubstr("p.json: neuron 3 of layer 0 is protected"),
               [&] { protect(file, R"({"layer": [0], "neuron": [3]})", "p.json"); });
}

TEST(EditFileTest, RefusesWhatWouldChangeNothing) {
  expect_refused(with_edits(R"({"op": "scale", "factor": 1, "layer": [0], "neuron": [3]})"), "would change nothing");
  expect_refused(with_edits(R"({"op": "rank_one", "layer": [0], "neuron": [3], "key": [1], "target": [1]})"),
                 "would change nothing");
  expect_refused(
      with_edits(R"({"op": "rank_one", "layer": [0, 1], "neuron": [3, 3], "key": [1, 0], "target": [2, 2]})"),
      "the key of layer 1 is 0");
  expect_refused(with_edits(""), "an array of one or more");
  expect_error(ErrorKind::input, HasSubstr("would change nothing"),
               [] { fold_of(parse_steering(steering("a"), "s.json"), 0, "s.json"); });
}

TEST(EditFileTest, RefusesMistakes) {
  expect_refused("{}", "this is no edit file");
  expect_refused(with_edits(R"({"op": "scale", "factr": 0, "layer": [0], "neuron": [3]})"),
                 "edit 1: unknown key 'factr'");
  expect_refused(with_edits(R"({"op": "cut", "layer": [0], "neuron": [3]})"), "op 'cut' (valid: fold, scale");
  expect_refused(with_edits(R"({"op": "remove", "layer": [0, 0], "neuron": [3, 3]})"),
                 "neuron 3 of layer 0 is there twice");
  expect_refused(with_edits(R"({"op": "remove", "layer": [0, 1], "neuron": [3]})"), "2 layers and 1 neurons");
  expect_refused(with_edits(R"({"op": "remove", "layer": [-1], "neuron": [3]})"),
                 "neuron 3 of layer -1: expected numbers from 0 to 2147483647");
  expect_error(ErrorKind::input, HasSubstr("strength 1.5 of a pull"),
               [] { fold_of(parse_steering(steering("a", "pull"), "s.json"), 1.5, "s.json"); });
}

TEST(EditFileTest, RefusesNumbersThatANeuronIdCannotHold) {
  for (const char* number : {"4294967295", "2147483648", "9223372036854775807"}) {
    expect_refused(with_edits(std::string(R"({"op": "remove", "layer": [0], "neuron": [)") + number + "]}"),
                   "expected numbers from 0 to 2147483647");
    expect_refused(with_edits(std::string(R"({"op": "remove", "neuron": [0], "layer": [)") + number + "]}"),
                   "expected numbers from 0 to 2147483647");
  }
}

TEST(EditFileTest, RefusesProtectedNeuronsThatTheModelHasNot) {
  const EditFile file = parse_edits(with_edits(kScale, R"("protected": {"layer": [1], "neuron": [16]}, )"), "e.json");
  check_protected_exist(file, 2, 17, "e.json");
  for (const auto& [L, M] : {std::pair(2, 16), std::pair(1, 17)}) {
    expect_error(ErrorKind::input, HasSubstr("e.json: protected: neuron 16 of layer 1 is outside the model"),
                 [&] { check_protected_exist(file, L, M, "e.json"); });
  }
}

TEST(EditFileTest, RefusesSteeringFilesOfDifferentCheckpoints) {
  testing::TempDir temp;
  testing::write_file(temp.file("a.json"), steering("aaaa"));
  testing::write_file(temp.file("b.json"), steering("bbbb"));
  const std::string text = with_edits(R"({"op": "fold", "steering": "a.json"}, {"op": "fold", "steering": "b.json"})");
  expect_error(ErrorKind::input, HasSubstr("is for the checkpoint bbbb, other edits here are for aaaa"),
               [&] { parse_edits(text, temp.file("e.json")); });
}

}  // namespace
}  // namespace neurosweep
