#include "framework/steer/direction_export.hpp"

#include <cstring>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "framework/base/base64.hpp"
#include "framework/config/json.hpp"
#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/framework/steer/edited_checkpoint.hpp"
#include "tests/framework/steer/gguf_reader.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/neuron.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::expect_same_bits;
using testing::golden_dir;
using ::testing::HasSubstr;
using ::testing::Key;
using testing::neuron;

constexpr const char* kLlama = "llama-gqa-llama3rope";

/// Directions behind layers 1 and 2, and 0 where asked for.
ResidualDirections directions(std::vector<std::int32_t> layers) {
  const LayerTensors model(golden_dir(kLlama));
  SteeringPattern push{SteeringForm::push, "some", {}};
  for (const std::int32_t layer : layers) {
    push.neurons.push_back({neuron(layer, 3), 0.5 + layer, 0});
    push.neurons.push_back({neuron(layer, 8), -1, 0});
  }
  return {constant_directions(model, push, 0.5), model.arch().D, model.arch().L, "llama", R"({"strength":0.5})"};
}

/// 0.5 W_down S' of a layer, [D] f32, from the definition.
at::Tensor expected(std::int32_t layer) {
  const at::Tensor down = testing::down_of(golden_dir(kLlama), layer);
  return (0.5 * ((0.5 + layer) * down.select(1, 3) - down.select(1, 8))).to(at::kFloat);
}

at::Tensor tensor(const std::vector<float>& values) {
  return at::tensor(values, at::kFloat);
}

TEST(DirectionExport, WritesAControlVectorOfLlamaCpp) {
  const auto file = testing::parse_gguf(export_bytes(directions({1, 2}), ExportFormat::gguf));

  EXPECT_EQ(file.texts.at("general.architecture"), "controlvector");
  EXPECT_EQ(file.texts.at("controlvector.model_hint"), "llama");
  EXPECT_EQ(file.numbers.at("controlvector.layer_count"), 2U);
  EXPECT_THAT(file.tensors, ElementsAre(Key("direction.1"), Key("direction.2")));
  testing::expect_close(tensor(file.tensors.at("direction.2")), expected(2), testing::kSameMath);
}

TEST(DirectionExport, RefusesLayer0ForLlamaCppAndHasItForTheOthers) {
  expect_error(ErrorKind::input, AllOf(HasSubstr("cannot act on layer 0"), HasSubstr("--format easysteer")), [] {
    export_bytes(directions({0, 2}), ExportFormat::gguf);
  });

  const auto easysteer = testing::parse_gguf(export_bytes(directions({0, 2}), ExportFormat::easysteer));
  EXPECT_THAT(easysteer.tensors, ElementsAre(Key("direction.0"), Key("direction.2")));
  EXPECT_EQ(easysteer.texts.at("controlvector.method"), "neurosweep");
  const auto repeng = testing::parse_gguf(export_bytes(directions({0, 2}), ExportFormat::repeng));
  EXPECT_THAT(repeng.tensors, ElementsAre(Key("direction.0"), Key("direction.1"), Key("direction.2")));
  EXPECT_TRUE(tensor(repeng.tensors.at("direction.1")).equal(at::zeros({36})));
  testing::expect_close(tensor(repeng.tensors.at("direction.0")), expected(0), testing::kSameMath);
}

TEST(DirectionExport, WritesSafetensorsAndJsonWithTheSameNumbers) {
  testing::TempDir temp;
  testing::write_file(temp.file("d.safetensors"), export_bytes(directions({0, 2}), ExportFormat::safetensors));
  const auto tensors = testing::read_safetensors(temp.file("d.safetensors"));
  const Json json = parse_json(export_bytes(directions({0, 2}), ExportFormat::json), "d.json");

  ASSERT_THAT(tensors, ElementsAre(Key("direction.0"), Key("direction.2")));
  testing::expect_close(tensors.at("direction.2"), expected(2), testing::kSameMath);
  EXPECT_EQ(json.at("model_type"), "llama");
  EXPECT_EQ(json.at("about").at("strength"), 0.5);
  expect_same_bits(tensor(json.at("layers").at("2").get<std::vector<float>>()), tensors.at("direction.2"));
}

TEST(DirectionExport, WritesTheTextOfVllmLens) {
  const Json json = parse_json(export_bytes(directions({0, 2}), ExportFormat::vllm_lens), "v.json");

  ASSERT_EQ(json.size(), 1U);
  const Json& vector = json.at(0);
  EXPECT_EQ(vector.at("layer_indices"), Json({0, 2}));
  EXPECT_EQ(vector.at("norm_match"), false);
  const Json& activations = vector.at("activations");
  EXPECT_EQ(activations.at("shape"), Json({2, 36}));
  EXPECT_EQ(activations.at("dtype"), "float32");
  const auto bytes = from_base64(activations.at("data").get<std::string>(), "data");
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  testing::expect_close(tensor(values).view({2, 36})[1], expected(2), testing::kSameMath);
}

TEST(DirectionExport, AddedBehindLayersIsTheSteeredModel) {
  for (const std::string& golden : testing::kOfEachFamily) {
    SCOPED_TRACE(golden);
    const testing::FloatCheckpoint checkpoint(golden);
    const LayerTensors model(checkpoint.dir());
    const SteeringPattern push = testing::random_pattern(model.arch(), SteeringForm::push);

    const auto layers = constant_directions(model, push, 0.7);

    testing::expect_close(testing::logits_with_directions(checkpoint.dir(), layers),
                          testing::logits_of(checkpoint.dir(), &push, 0.7), testing::kGolden);
  }
}

TEST(DirectionExport, OfAPullIsRefused) {
  const LayerTensors model(golden_dir(kLlama));
  const SteeringPattern pull{SteeringForm::pull, "template", {{neuron(1, 3), 1, 0.1}}};
  expect_error(ErrorKind::input, HasSubstr("a pull towards a template is no constant"),
               [&] { constant_directions(model, pull, 0.5); });
}

}  // namespace
}  // namespace neurosweep
