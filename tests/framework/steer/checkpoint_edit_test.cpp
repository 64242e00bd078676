#include "framework/steer/checkpoint_edit.hpp"

#include <filesystem>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "framework/config/json.hpp"
#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/framework/steer/edited_checkpoint.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/neuron.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::down_of;
using testing::expect_close;
using testing::FloatCheckpoint;
using ::testing::HasSubstr;
using testing::kGolden;
using testing::logits_of;
using testing::neuron;
using testing::random_pattern;
using testing::write_edited;

constexpr double kStrength = 0.7;

/// A family with a form of the constant that it can take.
struct FamilyForm {
  std::string golden;
  BiasForm form;
};

class CheckpointEditTest : public ::testing::TestWithParam<FamilyForm> {
 protected:
  CheckpointEdit edit(const std::vector<WeightEdit>& edits) {
    return write_edited(source_.dir(), edits, GetParam().form, out_);
  }

  FloatCheckpoint source_{GetParam().golden};
  const ArchSpec arch_ = read_arch(source_.dir());
  testing::TempDir temp_;
  std::string out_ = temp_.file("edited");
};

TEST_P(CheckpointEditTest, AFoldedPushIsTheSteeredModel) {
  const SteeringPattern push = random_pattern(arch_, SteeringForm::push);

  const CheckpointEdit made = edit({FoldEdit{push, kStrength}});

  const at::Tensor steered = logits_of(source_.dir(), &push, kStrength);
  expect_close(logits_of(out_), steered, kGolden);
  EXPECT_GT((logits_of(source_.dir()) - steered).abs().max().item<float>(), 0.1F) << "steering does something here";
  EXPECT_EQ(made.columns, 0);
  EXPECT_EQ(made.biases, arch_.L);
}

TEST_P(CheckpointEditTest, AFoldedPullIsTheSteeredModel) {
  const SteeringPattern pull = random_pattern(arch_, SteeringForm::pull);

  const CheckpointEdit made = edit({FoldEdit{pull, kStrength}});

  expect_close(logits_of(out_), logits_of(source_.dir(), &pull, kStrength), kGolden);
  EXPECT_EQ(made.columns, std::ssize(pull.neurons));
}

TEST_P(CheckpointEditTest, ScaledColumnsAndNothingElseDiffer) {
  const std::vector<NeuronId> chosen = {neuron(0, 3), neuron(1, 20)};

  const CheckpointEdit made = edit({ScaleEdit{chosen, 0.25}, ScaleEdit{{neuron(1, 5)}, 0}});

  for (std::int32_t l = 0; l < arch_.L; ++l) {
    at::Tensor expected = down_of(source_.dir(), l);
    if (l == 0) expected.select(1, 3).mul_(0.25);
    if (l == 1) expected.select(1, 20).mul_(0.25);
    if (l == 1) expected.select(1, 5).zero_();
    EXPECT_TRUE(down_of(out_, l).equal(expected)) << "layer " << l;
  }
  EXPECT_EQ(made.columns, 3);
  EXPECT_EQ(testing::read_file(out_ + "/config.json"), testing::read_file(source_.dir() + "/config.json"));
}

TEST_P(CheckpointEditTest, ARankOneEditMapsTheKeyToTheTargetAndLeavesWhatIsOrthogonal) {
  const std::vector<double> key = {0.5, -0.2, 0}, target = {0.1, 0.4, 0.9};

  edit({RankOneEdit{{neuron(1, 4), neuron(1, 9), neuron(1, 30)}, key, target, 1}});

  const at::Tensor before = down_of(source_.dir(), 1), after = down_of(out_, 1);
  const auto activations = [&](const std::vector<double>& values) {
    const at::Tensor a = at::zeros({arch_.M}, at::kDouble);
    a[4] = values[0];
    a[9] = values[1];
    a[30] = values[2];
    return a;
  };
  expect_close(after.matmul(activations(key)), before.matmul(activations(target)), 1e-6);
  const at::Tensor orthogonal = activations({0.2, 0.5, -3});
  expect_close(after.matmul(orthogonal), before.matmul(orthogonal), 1e-6);
  EXPECT_TRUE(down_of(out_, 0).equal(down_of(source_.dir(), 0)));
}

TEST_P(CheckpointEditTest, LaterEditsWorkOnWhatEarlierOnesMade) {
  const SteeringPattern push{SteeringForm::push, "one", {{neuron(0, 3), 2.0, 0}}};

  const CheckpointEdit made = edit({ScaleEdit{{neuron(0, 3)}, 0.5}, FoldEdit{push, 1}});

  const LayerTensors model(source_.dir());
  const LayerWeightEdits worked = make_layer_edits(model, {ScaleEdit{{neuron(0, 3)}, 0.5}, FoldEdit{push, 1}});
  expect_close(worked.at(LayerIndex(0)).bias, down_of(source_.dir(), 0).select(1, 3), 1e-12);
  EXPECT_EQ(made.biases, 1);
}

INSTANTIATE_TEST_SUITE_P(Families, CheckpointEditTest,
                         ::testing::Values(FamilyForm{"llama-gqa-llama3rope", BiasForm::own},
                                           FamilyForm{"llama-gqa-llama3rope", BiasForm::neurons},
                                           FamilyForm{"qwen2-tied", BiasForm::llama},
                                           FamilyForm{"qwen2-tied", BiasForm::neurons},
                                           FamilyForm{"qwen3-fp16", BiasForm::neurons},
                                           FamilyForm{"gpt2", BiasForm::own}),
                         [](const auto& each) {
                           return read_arch(testing::golden_dir(each.param.golden)).family + "_" +
                                  std::string(bias_form_name(each.param.form));
                         });

TEST(CheckpointEdit, OfShardsKeepsThemAndAddsToABiasThatIsThere) {
  const std::string golden = testing::golden_dir("llama-linear-rope-tied-bf16");
  const SteeringPattern push = random_pattern(read_arch(golden), SteeringForm::push);
  testing::TempDir temp;
  const std::string out = temp.file("edited");

  write_edited(golden, {FoldEdit{push, kStrength}}, BiasForm::own, out);

  expect_close(logits_of(out), logits_of(golden, &push, kStrength), kGolden);
  const Json before = read_json(golden + "/model.safetensors.index.json");
  const Json after = read_json(out + "/model.safetensors.index.json");
  const auto shards = [](const Json& index) {
    return index.at("weight_map").get<std::map<std::string, std::string>>();
  };
  EXPECT_EQ(shards(after), shards(before));
  EXPECT_EQ(after.at("metadata").at("total_size").get<int>(), before.at("metadata").at("total_size").get<int>() + 160)
      << "two biases of 40 numbers take two bytes more each";
}

TEST(CheckpointEdit, WithoutAPlaceForTheConstantIsRefusedWithWhatThereIs) {
  testing::TempDir temp;
  const auto refused = [&](const std::string& golden, BiasForm form, const auto& why) {
    const std::string dir = testing::golden_dir(golden);
    const SteeringPattern push = random_pattern(read_arch(dir), SteeringForm::push);
    expect_error(ErrorKind::input, why, [&] { write_edited(dir, {FoldEdit{push, 1}}, form, temp.file("out")); });
  };
  refused("qwen2-tied", BiasForm::own, AllOf(HasSubstr("qwen2 has no bias"), HasSubstr("--bias llama")));
  refused("qwen3-fp16", BiasForm::own, AllOf(HasSubstr("qwen3 has no bias"), HasSubstr("--bias neurons")));
  refused("qwen3-fp16", BiasForm::llama, HasSubstr("--bias llama is not for the family qwen3"));
  refused("gpt2", BiasForm::neurons, HasSubstr("--bias neurons is not for the family gpt2"));
}

TEST(CheckpointEdit, TakesLinksOfAHubsCacheAlongAndNoneThatLeadElsewhere) {
  testing::TempDir temp;
  const std::string revision = temp.file("models--m/snapshots/1"), blobs = temp.file("models--m/blobs");
  fs::create_directories(revision);
  fs::create_directories(blobs);
  for (const auto& entry : fs::directory_iterator(testing::golden_dir("gpt2"))) {
    const std::string name = entry.path().filename().string();
    fs::copy(entry.path(), blobs + "/hash-of-" + name);
    fs::create_symlink("../../blobs/hash-of-" + name, revision + "/" + name);
  }
  testing::write_file(blobs + "/hash-of-readme", "about");
  fs::create_symlink("../../blobs/hash-of-readme", revision + "/README.md");
  testing::write_file(temp.file("key"), "secret");
  fs::create_symlink(temp.file("key"), revision + "/notes.txt");
  const std::vector<WeightEdit> edits = {ScaleEdit{{neuron(0, 1)}, 0}};

  write_edited(revision, edits, BiasForm::own, temp.file("out"));

  EXPECT_EQ(testing::read_file(temp.file("out/README.md")), "about");
  EXPECT_TRUE(fs::exists(temp.file("out/config.json")));
  EXPECT_FALSE(fs::exists(temp.file("out/notes.txt")));
  fs::create_symlink(temp.file("key"), revision + "/tokenizer.json");
  expect_error(ErrorKind::input, HasSubstr("tokenizer.json: is a link out of the checkpoint"),
               [&] { write_edited(revision, edits, BiasForm::own, temp.file("out2")); });
}

TEST(CheckpointEdit, WritesNoFileOutsideItsFolder) {
  testing::TempDir temp;
  const LayerTensors model(testing::golden_dir("gpt2"));
  CheckpointChanges changes;
  changes.files["../evil.sh"] = "text";
  fs::create_directory(temp.file("out"));
  expect_error(ErrorKind::input, HasSubstr("'../evil.sh' is not a plain file name"),
               [&] { write_checkpoint(model.dir(), model.checkpoint(), changes, temp.file("out")); });
  EXPECT_FALSE(fs::exists(temp.file("evil.sh")));
}

TEST(CheckpointEdit, OfANeuronOutsideTheModelIsRefused) {
  const LayerTensors model(testing::golden_dir("gpt2"));
  expect_error(ErrorKind::input, HasSubstr("neuron 56 of layer 1 is outside the model of 3 layers with 56 neurons"),
               [&] {
                 make_layer_edits(model, {ScaleEdit{{neuron(1, 56)}, 0}});
               });
  expect_error(ErrorKind::input, HasSubstr("neuron -1 of layer 1 is outside"), [&] {
    make_layer_edits(model, {ScaleEdit{{neuron(1, -1)}, 0}});
  });
}

TEST(CheckpointEdit, ThatOverflowsTheDtypeIsRefused) {
  testing::TempDir temp;
  expect_error(ErrorKind::input, HasSubstr("out of the range of its dtype"), [&] {
    write_edited(testing::golden_dir("qwen3-fp16"), {ScaleEdit{{neuron(0, 1)}, 1e7}}, BiasForm::own, temp.file("out"));
  });
}

}  // namespace
}  // namespace neurosweep
