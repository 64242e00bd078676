#include "framework/model/weights.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "framework/config/json.hpp"
#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kLlama = "llama-gqa-llama3rope";
constexpr const char* kSharded = "llama-linear-rope-tied-bf16";

Weights read_golden(const std::string& name, const WeightOptions& options = {}) {
  return read_weights(testing::golden_dir(name), read_arch(testing::golden_dir(name)), options);
}

/// A copy of a golden checkpoint that a test may damage.
class CopiedCheckpoint {
 public:
  explicit CopiedCheckpoint(const std::string& golden) {
    std::filesystem::copy(testing::golden_dir(golden), dir_.path());
  }

  std::string file(const std::string& name) const { return dir_.file(name); }
  std::string dir() const { return dir_.path().string(); }

  template <class Change>
  void change_tensors(Change change) const {
    auto tensors = testing::read_safetensors(file("model.safetensors"));
    change(tensors);
    testing::write_safetensors(file("model.safetensors"), tensors);
  }

  template <class Change>
  void change_index(Change change) const {
    Json index = read_json(file("model.safetensors.index.json"));
    change(index["weight_map"]);
    testing::write_file(file("model.safetensors.index.json"), json_text(index));
  }

  Weights read(const WeightOptions& options = {}) const { return read_weights(dir(), read_arch(dir()), options); }

  void expect_refused(const ::testing::Matcher<std::string>& text, const WeightOptions& options = {}) const {
    expect_error(ErrorKind::input, AllOf(HasSubstr(dir()), text), [&] { read(options); });
  }

 private:
  testing::TempDir dir_;
};

TEST(ReadWeights, GivesEveryTensorOfLlama) {
  const auto file = testing::read_safetensors(testing::golden_dir(kLlama) + "/model.safetensors");

  const Weights weights = read_golden(kLlama);

  ASSERT_EQ(weights.layers.size(), 3u);
  const LayerWeights& last = weights.layers[2];
  EXPECT_TRUE(weights.embedding.equal(file.at("model.embed_tokens.weight")));
  EXPECT_TRUE(weights.head.weight.equal(file.at("lm_head.weight")));
  EXPECT_TRUE(weights.final_norm.weight.equal(file.at("model.norm.weight")));
  EXPECT_TRUE(last.attention_norm.weight.equal(file.at("model.layers.2.input_layernorm.weight")));
  EXPECT_TRUE(last.mlp_norm.weight.equal(file.at("model.layers.2.post_attention_layernorm.weight")));
  EXPECT_TRUE(last.k.weight.equal(file.at("model.layers.2.self_attn.k_proj.weight")));
  EXPECT_TRUE(last.v.bias.equal(file.at("model.layers.2.self_attn.v_proj.bias")));
  EXPECT_TRUE(last.o.bias.equal(file.at("model.layers.2.self_attn.o_proj.bias")));
  EXPECT_TRUE(last.gate.weight.equal(file.at("model.layers.2.mlp.gate_proj.weight")));
  EXPECT_TRUE(last.up.weight.equal(file.at("model.layers.2.mlp.up_proj.weight")));
  EXPECT_TRUE(last.down.weight.equal(file.at("model.layers.2.mlp.down_proj.weight")));
  EXPECT_FALSE(last.down.bias.defined() || last.q_norm.weight.defined() || weights.positions.defined());
}

TEST(ReadWeights, SplitsAndTransposesTheFusedMapsOfGpt2) {
  const auto file = testing::read_safetensors(testing::golden_dir("gpt2") + "/model.safetensors");
  const at::Tensor fused = file.at("transformer.h.1.attn.c_attn.weight");
  const at::Tensor fused_bias = file.at("transformer.h.1.attn.c_attn.bias");

  const Weights weights = read_golden("gpt2");

  const LayerWeights& layer = weights.layers[1];
  EXPECT_TRUE(layer.q.weight.equal(fused.narrow(1, 0, 36).t()));
  EXPECT_TRUE(layer.k.weight.equal(fused.narrow(1, 36, 36).t()));
  EXPECT_TRUE(layer.v.weight.equal(fused.narrow(1, 72, 36).t()));
  EXPECT_TRUE(layer.k.bias.equal(fused_bias.narrow(0, 36, 36)));
  EXPECT_TRUE(layer.o.weight.equal(file.at("transformer.h.1.attn.c_proj.weight").t()));
  EXPECT_TRUE(layer.up.weight.equal(file.at("transformer.h.1.mlp.c_fc.weight").t()));
  EXPECT_TRUE(layer.down.weight.equal(file.at("transformer.h.1.mlp.c_proj.weight").t()));
  EXPECT_TRUE(layer.down.weight.is_contiguous() && layer.v.weight.is_contiguous());
  EXPECT_TRUE(weights.final_norm.bias.equal(file.at("transformer.ln_f.bias")));
  EXPECT_TRUE(weights.positions.equal(file.at("transformer.wpe.weight")));
}

TEST(ReadWeights, ReadsNamesWithoutTheirPrefix) {
  const auto file = testing::read_safetensors(testing::golden_dir("gpt2-without-prefix") + "/model.safetensors");

  const Weights weights = read_golden("gpt2-without-prefix");

  EXPECT_TRUE(weights.embedding.equal(file.at("wte.weight")));
  EXPECT_TRUE(weights.layers[1].down.weight.equal(file.at("h.1.mlp.c_proj.weight").t()));
}

TEST(ReadWeights, ReadsTheNormsOfQueriesAndKeys) {
  const auto file = testing::read_safetensors(testing::golden_dir("qwen3-fp16") + "/model.safetensors");

  const Weights weights = read_golden("qwen3-fp16", {.dtype = at::kHalf});

  EXPECT_TRUE(weights.layers[1].q_norm.weight.equal(file.at("model.layers.1.self_attn.q_norm.weight")));
  EXPECT_TRUE(weights.layers[1].k_norm.weight.equal(file.at("model.layers.1.self_attn.k_norm.weight")));
}

TEST(ReadWeights, ATiedHeadSharesTheEmbeddingsStorage) {
  const Weights weights = read_golden("qwen2-tied");

  EXPECT_EQ(weights.head.weight.data_ptr(), weights.embedding.data_ptr());
}

TEST(ReadWeights, ConvertsToTheAskedType) {
  const Weights exact = read_golden(kSharded);

  const Weights half = read_golden(kSharded, {.dtype = at::kHalf});

  EXPECT_EQ(exact.layers[0].down.weight.scalar_type(), at::kFloat);
  EXPECT_TRUE(half.layers[0].down.weight.equal(exact.layers[0].down.weight.to(at::kHalf)));
  EXPECT_EQ(half.layers[1].up.bias.scalar_type(), at::kHalf);
}

TEST(ReadWeights, AcceptsAStoredHeadThatEqualsTheEmbedding) {
  const CopiedCheckpoint model("qwen2-tied");
  model.change_tensors([](auto& tensors) { tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]; });

  EXPECT_EQ(model.read().head.weight.size(0), 97);
}

TEST(ReadWeights, RefusesAStoredHeadThatContradictsTying) {
  const CopiedCheckpoint model("qwen2-tied");
  model.change_tensors([](auto& tensors) { tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] + 1; });

  model.expect_refused(HasSubstr("tensor 'lm_head.weight' differs from the embedding, but config.json ties the two"));
}

TEST(ReadWeights, IgnoresTensorsItDoesNotKnow) {
  const CopiedCheckpoint model(kLlama);
  model.change_tensors([](auto& tensors) { tensors["value_head.weight"] = at::ones({3}); });

  EXPECT_EQ(model.read().layers.size(), 3u);
}

TEST(ReadWeights, NamesAMissingTensor) {
  const CopiedCheckpoint model(kLlama);
  model.change_tensors([](auto& tensors) { tensors.erase("model.layers.1.mlp.up_proj.weight"); });

  model.expect_refused(HasSubstr("missing tensor 'model.layers.1.mlp.up_proj.weight'"));
}

TEST(ReadWeights, NamesABiasThatConfigPromises) {
  const CopiedCheckpoint model(kLlama);
  model.change_tensors([](auto& tensors) { tensors.erase("model.layers.0.self_attn.q_proj.bias"); });

  model.expect_refused(HasSubstr("missing tensor 'model.layers.0.self_attn.q_proj.bias'"));
}

TEST(ReadWeights, SaysExpectedAndFoundShape) {
  const CopiedCheckpoint model(kLlama);
  model.change_tensors([](auto& tensors) { tensors["model.layers.0.mlp.down_proj.weight"] = at::ones({36, 51}); });

  model.expect_refused(
      HasSubstr("model.safetensors: tensor 'model.layers.0.mlp.down_proj.weight': expected shape [36, 52] by "
                "config.json, found [36, 51]"));
}

TEST(ReadWeights, NamesATensorWithNanOrInf) {
  const CopiedCheckpoint model(kLlama);

  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    model.change_tensors([&](auto& tensors) { tensors["model.layers.2.mlp.gate_proj.weight"].fill_(1)[3][5] = bad; });

    model.expect_refused(HasSubstr("tensor 'model.layers.2.mlp.gate_proj.weight': holds NaN or Inf"));
  }
}

TEST(ReadWeights, NamesATensorThatOverflowsTheAskedType) {
  const CopiedCheckpoint model(kLlama);
  model.change_tensors([](auto& tensors) { tensors["model.norm.weight"].fill_(1e6); });

  EXPECT_EQ(model.read().final_norm.weight[0].item<float>(), 1e6f);
  model.expect_refused(HasSubstr("tensor 'model.norm.weight': a value is out of the range of Half"),
                       {.dtype = at::kHalf});
}

TEST(ReadWeights, RefusesIntegerWeights) {
  const CopiedCheckpoint model(kLlama);
  model.change_tensors([](auto& tensors) { tensors["model.norm.weight"] = at::ones({36}, at::kLong); });

  model.expect_refused(HasSubstr("tensor 'model.norm.weight': a weight must be F32, F16 or BF16"));
}

TEST(ReadWeights, SaysThatAFolderHoldsNoWeights) {
  const CopiedCheckpoint model(kLlama);
  std::filesystem::remove(model.file("model.safetensors"));

  model.expect_refused(HasSubstr("neither model.safetensors nor model.safetensors.index.json is there"));
}

TEST(ReadWeights, NamesAMissingShard) {
  const CopiedCheckpoint model(kSharded);
  std::filesystem::remove(model.file("model-00002-of-00002.safetensors"));

  model.expect_refused(HasSubstr("model-00002-of-00002.safetensors: missing shard"));
}

TEST(ReadWeights, NamesATensorThatItsShardDoesNotHold) {
  const CopiedCheckpoint model(kSharded);
  model.change_index([](Json& map) { map["model.norm.extra"] = "model-00001-of-00002.safetensors"; });

  model.expect_refused(HasSubstr("model-00001-of-00002.safetensors: missing tensor 'model.norm.extra'"));
}

TEST(ReadWeights, RefusesAShardOutsideTheFolder) {
  for (const char* name : {"../other.safetensors", "/etc/passwd", "..", "a\\b", ""}) {
    const CopiedCheckpoint model(kSharded);
    model.change_index([&](Json& map) { map["model.norm.weight"] = name; });

    model.expect_refused(HasSubstr(fmt::format("key 'model.norm.weight': '{}' is not a plain file name", name)));
  }
}

TEST(ReadWeights, RefusesAnIndexWithoutAMap) {
  const CopiedCheckpoint model(kSharded);
  testing::write_file(model.file("model.safetensors.index.json"), R"({"metadata": {}})");

  model.expect_refused(HasSubstr("model.safetensors.index.json: missing key 'weight_map'"));
}

TEST(HashCheckpoint, ChangesWithEveryFileThatMatters) {
  const CopiedCheckpoint model(kSharded);
  const std::string before = hash_checkpoint(model.dir());

  testing::write_file(model.file("README.md"), "unrelated");
  EXPECT_EQ(hash_checkpoint(model.dir()), before);
  EXPECT_EQ(hash_checkpoint(testing::golden_dir(kSharded)), before);

  for (const char* name : {"config.json", "generation_config.json"}) {
    const std::string text = testing::read_file(model.file(name));
    testing::write_file(model.file(name), text + " ");
    EXPECT_NE(hash_checkpoint(model.dir()), before) << name;
    testing::write_file(model.file(name), text);
  }
  std::string shard = testing::read_file(model.file("model-00002-of-00002.safetensors"));
  shard.back() ^= 1;
  testing::write_file(model.file("model-00002-of-00002.safetensors"), shard);
  EXPECT_NE(hash_checkpoint(model.dir()), before);
}

}  // namespace
}  // namespace neurosweep
