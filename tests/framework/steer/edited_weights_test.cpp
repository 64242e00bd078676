#include "framework/steer/edited_weights.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "framework/model/decoder.hpp"
#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/framework/steer/edited_checkpoint.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/neuron.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using ::testing::HasSubstr;
using testing::kGolden;
using testing::logits_of;
using testing::neuron;
using testing::random_pattern;
using testing::write_edited;

constexpr double kStrength = 0.7;

Decoder edited_decoder(const std::string& dir, const std::vector<WeightEdit>& edits) {
  const LayerTensors model(dir);
  return {model.arch(), edited_weights(model, make_layer_edits(model, edits)).weights};
}

/// Edits of every kind, one after the other on the same neurons.
std::vector<WeightEdit> mixed_edits(const ArchSpec& arch) {
  return {ScaleEdit{{neuron(0, 3), neuron(1, 9)}, 0.25},
          RankOneEdit{{neuron(1, 4), neuron(1, 9)}, {0.5, -0.2}, {0.1, 0.4}, 0.8},
          FoldEdit{random_pattern(arch, SteeringForm::push), kStrength},
          FoldEdit{random_pattern(arch, SteeringForm::pull), kStrength}};
}

class EditedWeights : public ::testing::TestWithParam<std::string> {
 protected:
  const std::string dir_ = testing::golden_dir(GetParam());
  const ArchSpec arch_ = read_arch(dir_);
};

TEST_P(EditedWeights, OfAFoldAnswerAsTheSteeredModel) {
  const testing::FloatCheckpoint source(GetParam());
  for (const SteeringForm form : {SteeringForm::push, SteeringForm::pull}) {
    const SteeringPattern pattern = random_pattern(arch_, form);
    const at::Tensor steered = logits_of(source.dir(), &pattern, kStrength);

    expect_close(logits_of(edited_decoder(source.dir(), {FoldEdit{pattern, kStrength}})), steered, kGolden);

    EXPECT_GT((logits_of(source.dir()) - steered).abs().max().item<float>(), 0.1F);
  }
}

TEST_P(EditedWeights, WithoutAConstantAreWhatIsWrittenToTheBit) {
  const std::vector<WeightEdit> edits = {ScaleEdit{{neuron(0, 3), neuron(1, 20)}, 0.3},
                                         RankOneEdit{{neuron(1, 4), neuron(1, 20)}, {0.5, -0.2}, {0.1, 0.4}, 1}};
  testing::TempDir temp;
  write_edited(dir_, edits, BiasForm::own, temp.file("out"));

  EXPECT_TRUE(logits_of(edited_decoder(dir_, edits)).equal(logits_of(temp.file("out"))));
}

INSTANTIATE_TEST_SUITE_P(Families, EditedWeights, ::testing::ValuesIn(testing::kOfEachFamily),
                         [](const auto& each) { return read_arch(testing::golden_dir(each.param)).family; });

/// A golden checkpoint whose family has a bias behind its MLP in transformers.
class EditedWeightsWithABias : public ::testing::TestWithParam<const char*> {};

TEST_P(EditedWeightsWithABias, AreWhatIsWrittenToTheBit) {
  const std::string dir = testing::golden_dir(GetParam());
  const auto edits = mixed_edits(read_arch(dir));
  testing::TempDir temp;
  write_edited(dir, edits, BiasForm::own, temp.file("out"));

  EXPECT_TRUE(logits_of(edited_decoder(dir, edits)).equal(logits_of(temp.file("out"))));
}

INSTANTIATE_TEST_SUITE_P(Goldens, EditedWeightsWithABias,
                         ::testing::Values("llama-gqa-llama3rope", "llama-linear-rope-tied-bf16", "gpt2"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(EditedWeightsOfAGpt2, TellTheLayersThatChanged) {
  const LayerTensors model(testing::golden_dir("gpt2"));
  const auto changed = [&](const std::vector<WeightEdit>& edits) {
    return edited_weights(model, make_layer_edits(model, edits)).changed;
  };
  const ScaleEdit nothing{{neuron(0, 1)}, 1 + 1e-12}, halved{{neuron(1, 1)}, 0.5};

  EXPECT_THAT(changed({nothing}), ::testing::IsEmpty());
  EXPECT_THAT(changed({nothing, halved}), ::testing::ElementsAre(LayerIndex(1)));
}

TEST(EditedWeightsOfAGpt2, AreRefusedOutOfTheRangeOfNumbers) {
  const std::string dir = testing::golden_dir("gpt2");
  expect_error(ErrorKind::input, HasSubstr("an edit of layer 0 is out of the range of Float"), [&] {
    edited_decoder(dir, {ScaleEdit{{neuron(0, 1)}, 1e300}});
  });
}

}  // namespace
}  // namespace neurosweep
