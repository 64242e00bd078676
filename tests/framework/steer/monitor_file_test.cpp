#include "framework/steer/monitor_file.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "framework/intervene/monitor_signals.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

MonitorProbe probe_of(std::int64_t tokens, double weight) {
  MonitorProbe probe;
  probe.tokens = tokens;
  probe.center.assign(n_signals(2), 0.5);
  probe.scale.assign(n_signals(2), 2);
  probe.weight.assign(n_signals(2), 0);
  probe.weight[6] = weight;
  probe.intercept = -0.25;
  probe.slope = 1.5;
  probe.shift = 0.125;
  return probe;
}

MonitorFile monitor_of_two() {
  MonitorFile file;
  file.checkpoint_hash = "c0ffee";
  file.family = "llama";
  file.n_layers = 2;
  file.n_neurons_per_layer = 4;
  file.study = "demo";
  file.study_id = "id";
  file.experiment = "monitor";
  file.model = "tiny";
  file.code_version = "1";
  file.predictor = "both";
  file.every = 4;
  file.neurons = {{LayerIndex(0), NeuronIndex(2)}, {LayerIndex(1), NeuronIndex(3)}};
  file.probes = {probe_of(0, 1), probe_of(8, -3)};
  file.thresholds = {{0.05, 0.75}, {0.1, 1.0 / 3}};
  return file;
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = monitor_text(monitor_of_two());
  EXPECT_NE(text.find(from), std::string::npos) << from;
  return text.replace(text.find(from), from.size(), to);
}

void expect_refused(const std::string& text, const std::string& why) {
  expect_error(ErrorKind::input, HasSubstr(why), [&] { parse_monitor(text, "m.json"); });
}

TEST(MonitorFileTest, ReadsWhatItWroteToTheLastBit) {
  const MonitorFile written = monitor_of_two();

  const MonitorFile read = parse_monitor(monitor_text(written), "m.json");

  EXPECT_EQ(monitor_text(read), monitor_text(written));
  EXPECT_EQ(read.neurons, written.neurons);
  EXPECT_EQ(read.every, 4);
  EXPECT_EQ(read.threshold(0.1, "m.json").risk, 1.0 / 3);
}

TEST(MonitorFileTest, JudgesAReadingByTheLastProbeInUse) {
  const MonitorFile file = monitor_of_two();
  std::vector<float> signals(n_signals(2), 0.5F);
  signals[6] = 2.5F;
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };

  signals[0] = 4;
  EXPECT_NEAR(file.risk(signals), sigmoid(1.5 * (-0.25 + 1) + 0.125), 1e-12);
  signals[0] = 12;
  EXPECT_NEAR(file.risk(signals), sigmoid(1.5 * (-0.25 - 3) + 0.125), 1e-12);
  signals.pop_back();
  expect_error(ErrorKind::input, HasSubstr("signals"), [&] { file.risk(signals); });
}

TEST(MonitorFileTest, RefusesWhatIsNoMonitorOrHoldsNonsense) {
  expect_refused("{}", "this is no monitor file");
  expect_refused(with("\"version\": 1", "\"version\": 3"), "version 3 of the format");
  expect_refused(with("\"every\": 4", "\"every\": 0"), "every 0 tokens");
  expect_refused(with("\"every\"", "\"evry\""), "unknown key 'evry'");
  expect_refused(with("\"layer\": [0,1]", "\"layer\": [0,2]"), "neuron 3 of layer 2 is outside");
  expect_refused(with("\"layer\": [0,1]", "\"layer\": [0]"), "1 layers and 2 neurons");
  expect_refused(with("\"neuron\": [2,3]", "\"neuron\": [2]"), "2 layers and 1 neurons");
  expect_refused(with("{\"tokens\":0", "{\"tokens\":2"), "expected one for 0 tokens");
  expect_refused(with("\"scale\":[2.0", "\"scale\":[-2.0"), "expected a positive number");
  expect_refused(with("\"weight\":[0.0,", "\"weight\":["), "values of 'weight'");
  expect_error(ErrorKind::input, HasSubstr("no threshold for a rate of false alarms of 0.2 (there are: 0.05, 0.1)"),
               [] { monitor_of_two().threshold(0.2, "m.json"); });
}

TEST(MonitorFileTest, BelongsToItsCheckpointOnly) {
  EXPECT_NO_THROW(check_monitor_model(monitor_of_two(), "m.json", "m", "c0ffee"));
  expect_error(ErrorKind::input, HasSubstr("m.json: made for the checkpoint c0ffee ('tiny' of study 'demo')"),
               [] { check_monitor_model(monitor_of_two(), "m.json", "m", "decaf"); });
}

}  // namespace
}  // namespace neurosweep
