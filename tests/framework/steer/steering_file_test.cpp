#include "framework/steer/steering_file.hpp"

#include <gmock/gmock.h>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

SteeringFile template_of_two() {
  SteeringFile file;
  file.checkpoint_hash = "c0ffee";
  file.family = "llama";
  file.n_layers = 2;
  file.n_neurons_per_layer = 4;
  file.study = "demo";
  file.study_id = "id";
  file.experiment = "template";
  file.model = "tiny";
  file.task = "*";
  file.code_version = "1";
  file.pattern = {SteeringForm::pull,
                  "template",
                  {{{LayerIndex(1), NeuronIndex(3)}, 0.1, 0.25}, {{LayerIndex(0), NeuronIndex(2)}, -1e-7, 0}}};
  return file;
}

/// The text of template_of_two() with one part replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text = steering_text(template_of_two());
  return text.replace(text.find(from), from.size(), to);
}

void expect_refused(const std::string& text, const std::string& why) {
  expect_error(ErrorKind::input, HasSubstr("s.json: " + why), [&] { parse_steering(text, "s.json"); });
}

TEST(SteeringFileTest, ReadsWhatItWroteToTheLastBit) {
  const SteeringFile written = template_of_two();

  const SteeringFile read = parse_steering(steering_text(written), "s.json");

  EXPECT_EQ(steering_text(read), steering_text(written));
  EXPECT_EQ(read.pattern.form, SteeringForm::pull);
  ASSERT_EQ(read.pattern.neurons.size(), 2U);
  EXPECT_EQ(read.pattern.neurons[0].id, (NeuronId{LayerIndex(1), NeuronIndex(3)}));
  EXPECT_EQ(read.pattern.neurons[0].value, 0.1);
  EXPECT_EQ(read.pattern.neurons[1].value, -1e-7);
  EXPECT_EQ(read.pattern.neurons[0].sd, 0.25);
}

TEST(SteeringFileTest, RefusesWhatIsNoSteeringFileOrHoldsNonsense) {
  expect_refused("{}", "this is no steering file");
  expect_refused(with("\"version\": 1", "\"version\": 2"), "version 2 of the format");
  expect_refused(with("\"pull\"", "\"shove\""), "form 'shove' (valid: push, pull)");
  expect_refused(with("\"value\"", "\"values\""), "unknown key 'values'");
  expect_refused(with("[3,2]", "[3]"), "columns of different lengths");
  expect_refused(with("[3,2]", "[4,2]"), "neuron 4 of layer 1 is outside");
  std::string wide = with("[3,2]", "[4294967295,2]");
  const std::string size = "\"neurons_per_layer\":4";
  ASSERT_NE(wide.find(size), std::string::npos);
  expect_refused(wide.replace(wide.find(size), size.size(), "\"neurons_per_layer\":1099511627776"),
                 "neuron 4294967295 of layer 1: expected numbers from 0 to 2147483647");
  expect_refused(with("\"layer\": [1,0],\n \"neuron\": [3,2]", "\"layer\": [1,1],\n \"neuron\": [3,3]"),
                 "neuron 3 of layer 1 is there twice");
  expect_refused(with(",\n \"sd\": [0.25,0.0]", ""), "missing key 'sd'");
  expect_refused(with("\"checkpoint_hash\"", "\"hash\""), "missing key 'checkpoint_hash'");
}

TEST(SteeringFileTest, BelongsToOneCheckpoint) {
  const SteeringFile file = template_of_two();

  EXPECT_NO_THROW(check_steering_model(file, "s.json", "tiny", "c0ffee"));
  expect_error(ErrorKind::input, HasSubstr("made for the checkpoint c0ffee ('tiny' of study 'demo'), but model 'big'"),
               [&] { check_steering_model(file, "s.json", "big", "f00d"); });
}

}  // namespace
}  // namespace neurosweep
