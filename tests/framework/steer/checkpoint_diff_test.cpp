#include "framework/steer/checkpoint_diff.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/framework/steer/edited_checkpoint.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/neuron.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using testing::golden_dir;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::neuron;

class DiffTest : public ::testing::Test {
 protected:
  CheckpointDifference after(const std::string& golden, const std::vector<WeightEdit>& edits, BiasForm form) {
    const std::string out = temp_.file("edited");
    testing::write_edited(golden_dir(golden), edits, form, out);
    return diff_checkpoints(golden_dir(golden), out);
  }

  testing::TempDir temp_;
};

TEST_F(DiffTest, FindsScaledNeuronsOfBothLayouts) {
  for (const std::string golden : {"llama-gqa-llama3rope", "gpt2"}) {
    testing::TempDir temp;
    const std::string out = temp.file("edited");
    testing::write_edited(golden_dir(golden), {ScaleEdit{{neuron(0, 3), neuron(2, 40)}, 0.75}}, BiasForm::own, out);

    const CheckpointDifference difference = diff_checkpoints(golden_dir(golden), out);

    ASSERT_EQ(difference.neurons.size(), 2U);
    EXPECT_EQ(difference.neurons[1].id, neuron(2, 40));
    EXPECT_NEAR(difference.neurons[1].down_relative, 0.25, 1e-6);
    const double norm = testing::down_of(golden_dir(golden), 2).select(1, 40).norm().item<double>();
    EXPECT_NEAR(difference.neurons[1].down, 0.25 * norm, 1e-6);
    EXPECT_EQ(difference.neurons[1].in, 0);
    EXPECT_THAT(difference.tensors, IsEmpty());
    EXPECT_THAT(difference.config, IsEmpty());
  }
}

TEST_F(DiffTest, FindsWhatANeuronReads) {
  const testing::FloatCheckpoint other("llama-gqa-llama3rope");
  auto tensors = testing::read_safetensors(other.dir() + "/model.safetensors");
  tensors.at("model.layers.1.mlp.up_proj.weight")[7].add_(1);
  testing::write_safetensors(other.dir() + "/model.safetensors", tensors);

  const CheckpointDifference difference = diff_checkpoints(golden_dir("llama-gqa-llama3rope"), other.dir());

  ASSERT_EQ(difference.neurons.size(), 1U);
  EXPECT_EQ(difference.neurons[0].id, neuron(1, 7));
  EXPECT_EQ(difference.neurons[0].down, 0);
  EXPECT_NEAR(difference.neurons[0].in, 6, 1e-4) << "36 numbers by 1";
}

TEST_F(DiffTest, FindsBiasesConfigAndAddedNeurons) {
  const SteeringPattern push{SteeringForm::push, "one", {{neuron(1, 3), 2.0, 0}}};

  const CheckpointDifference of_gpt2 = after("gpt2", {FoldEdit{push, 1}}, BiasForm::own);

  ASSERT_EQ(of_gpt2.tensors.size(), 1U);
  EXPECT_EQ(of_gpt2.tensors[0].name, "transformer.h.1.mlp.c_proj.bias");
  EXPECT_NEAR(of_gpt2.tensors[0].norm, 2 * testing::down_of(golden_dir("gpt2"), 1).select(1, 3).norm().item<double>(),
              1e-5);
  EXPECT_THAT(of_gpt2.neurons, IsEmpty());

  testing::TempDir temp;
  testing::write_edited(golden_dir("qwen2-tied"), {FoldEdit{push, 1}}, BiasForm::neurons, temp.file("q"));
  const CheckpointDifference of_qwen2 = diff_checkpoints(golden_dir("qwen2-tied"), temp.file("q"));
  EXPECT_EQ(of_qwen2.more_neurons, 84);
  EXPECT_THAT(of_qwen2.neurons, IsEmpty());
  EXPECT_THAT(of_qwen2.config, ElementsAre("intermediate_size: 50 -> 134"));
}

TEST_F(DiffTest, OfModelsOfOtherShapesIsRefused) {
  expect_error(ErrorKind::input, HasSubstr("llama of 3 layers and width 36 against gpt2 of 3 layers and width 36"),
               [] { diff_checkpoints(golden_dir("llama-gqa-llama3rope"), golden_dir("gpt2")); });
}

}  // namespace
}  // namespace neurosweep
