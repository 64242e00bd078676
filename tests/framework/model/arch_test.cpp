#include "framework/model/arch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "framework/config/json.hpp"
#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Change = std::function<void(Json& config)>;

/// The architecture of a golden checkpoint after a change of its config.json, without generation_config.json.
ArchSpec read_changed(const std::string& golden, const Change& change) {
  testing::TempDir dir;
  Json config = read_json(testing::golden_dir(golden) + "/config.json");
  change(config);
  testing::write_file(dir.file("config.json"), json_text(config));
  return read_arch(dir.path().string());
}

void expect_refused(const std::string& golden, const Change& change, const std::string& text) {
  expect_error(ErrorKind::input, AllOf(HasSubstr("/config.json"), HasSubstr(text)),
               [&] { read_changed(golden, change); });
}

constexpr const char* kLlama = "llama-gqa-llama3rope";

TEST(ReadArch, ReadsLlamaWithTheKeysOfTransformers5) {
  const ArchSpec arch = read_arch(testing::golden_dir(kLlama));

  EXPECT_EQ(arch.family, "llama");
  EXPECT_EQ(arch.D, 36);
  EXPECT_EQ(arch.L, 3);
  EXPECT_EQ(arch.M, 52);
  EXPECT_EQ(arch.V, 101);
  EXPECT_EQ(arch.H, 6);
  EXPECT_EQ(arch.kv_heads, 2);
  EXPECT_EQ(arch.head_dim, 10);
  EXPECT_EQ(arch.context, 64);
  EXPECT_EQ(arch.norm, NormKind::rms);
  EXPECT_EQ(arch.norm_eps, 1e-5);
  EXPECT_EQ(arch.activation, ActivationKind::silu);
  EXPECT_EQ(arch.position, PositionKind::rope);
  EXPECT_EQ(arch.rope.scaling, RopeScaling::llama3);
  EXPECT_EQ(arch.rope.theta, 5000);
  EXPECT_EQ(arch.rope.factor, 4);
  EXPECT_EQ(arch.rope.low_freq_factor, 1);
  EXPECT_EQ(arch.rope.high_freq_factor, 4);
  EXPECT_EQ(arch.rope.original_context, 16);
  EXPECT_TRUE(arch.gated_mlp && arch.qkv_bias && arch.o_bias);
  EXPECT_FALSE(arch.mlp_bias || arch.tied_head || arch.qk_norm);
  EXPECT_EQ(arch.bos, 1);
}

TEST(ReadArch, ReadsLlamaWithTheKeysOfTransformers4) {
  const ArchSpec arch = read_arch(testing::golden_dir("llama-linear-rope-tied-bf16"));

  EXPECT_EQ(arch.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(arch.rope.theta, 10000);
  EXPECT_EQ(arch.rope.factor, 2.5);
  EXPECT_EQ(arch.head_dim, 10);
  EXPECT_EQ(arch.kv_heads, 4);
  EXPECT_TRUE(arch.tied_head && arch.mlp_bias);
  EXPECT_FALSE(arch.qkv_bias || arch.o_bias);
}

TEST(ReadArch, ReadsQwen2) {
  const ArchSpec arch = read_arch(testing::golden_dir("qwen2-tied"));

  EXPECT_EQ(arch.family, "qwen2");
  EXPECT_EQ(arch.V, 97);
  EXPECT_EQ(arch.kv_heads, 1);
  EXPECT_EQ(arch.head_dim, 6);
  EXPECT_EQ(arch.rope.scaling, RopeScaling::none);
  EXPECT_EQ(arch.rope.theta, 1e6);
  EXPECT_EQ(arch.bos, -1);
  EXPECT_TRUE(arch.qkv_bias && arch.tied_head);
  EXPECT_FALSE(arch.o_bias || arch.mlp_bias || arch.qk_norm);
}

TEST(ReadArch, ReadsQwen3) {
  const ArchSpec arch = read_arch(testing::golden_dir("qwen3-fp16"));

  EXPECT_EQ(arch.family, "qwen3");
  EXPECT_EQ(arch.head_dim, 14);
  EXPECT_TRUE(arch.qk_norm);
  EXPECT_FALSE(arch.qkv_bias || arch.tied_head);
}

TEST(ReadArch, ReadsGpt2) {
  const ArchSpec arch = read_arch(testing::golden_dir("gpt2"));

  EXPECT_EQ(arch.family, "gpt2");
  EXPECT_EQ(arch.D, 36);
  EXPECT_EQ(arch.M, 56);
  EXPECT_EQ(arch.H, 3);
  EXPECT_EQ(arch.kv_heads, 3);
  EXPECT_EQ(arch.head_dim, 12);
  EXPECT_EQ(arch.context, 50);
  EXPECT_EQ(arch.norm, NormKind::layer);
  EXPECT_EQ(arch.activation, ActivationKind::gelu_tanh);
  EXPECT_EQ(arch.position, PositionKind::learned);
  EXPECT_TRUE(arch.tied_head && arch.qkv_bias && arch.o_bias && arch.mlp_bias);
  EXPECT_FALSE(arch.gated_mlp);
}

TEST(ReadArch, FillsTheDefaultsOfAShortGpt2Config) {
  const ArchSpec arch = read_arch(testing::golden_dir("gpt2-without-prefix"));

  EXPECT_EQ(arch.M, 128);
  EXPECT_EQ(arch.activation, ActivationKind::gelu);
  EXPECT_TRUE(arch.tied_head);
}

TEST(ReadArch, LeavesTheHeadOfLlamaUntiedWhereConfigIsSilent) {
  EXPECT_FALSE(read_changed("llama-linear-rope-tied-bf16", [](Json& c) { c.erase("tie_word_embeddings"); }).tied_head);
}

TEST(ReadArch, TakesTheFamilyFromModelTypeWhereArchitecturesIsMissing) {
  EXPECT_EQ(read_changed("qwen3-fp16", [](Json& c) { c.erase("architectures"); }).family, "qwen3");
}

TEST(ReadArch, DerivesHeadDimensionAndKeyValueHeadsWhereMissing) {
  const ArchSpec arch = read_changed(kLlama, [](Json& c) {
    c["head_dim"] = nullptr;
    c.erase("num_key_value_heads");
  });

  EXPECT_EQ(arch.head_dim, 6);
  EXPECT_EQ(arch.kv_heads, 6);
}

TEST(ReadArch, TakesEosIdsFromGenerationConfigFirst) {
  testing::TempDir dir;
  Json config = read_json(testing::golden_dir(kLlama) + "/config.json");
  config["eos_token_id"] = 3;
  testing::write_file(dir.file("config.json"), json_text(config));

  const auto without = read_arch(dir.path().string()).eos;
  testing::write_file(dir.file("generation_config.json"), R"({"eos_token_id": [7, 9]})");
  const auto with = read_arch(dir.path().string()).eos;

  EXPECT_THAT(without, ElementsAre(3));
  EXPECT_THAT(with, ElementsAre(7, 9));
}

TEST(ReadArch, MayHaveNoEos) {
  EXPECT_THAT(read_changed(kLlama, [](Json& c) { c["eos_token_id"] = nullptr; }).eos, IsEmpty());
}

TEST(ReadArch, IgnoresAnEosOutsideTheVocabulary) {
  EXPECT_THAT(read_changed(kLlama, [](Json& c) { c["eos_token_id"] = {5, 50256}; }).eos, ElementsAre(5));
}

TEST(ReadArch, SaysThatAFolderHoldsNoModel) {
  testing::TempDir dir;

  expect_error(ErrorKind::input, HasSubstr("/config.json: no such file (a model folder holds config.json"),
               [&] { read_arch(dir.path().string()); });
}

TEST(ReadArch, NamesTheSupportedArchitectures) {
  expect_refused(
      kLlama, [](Json& c) { c["architectures"] = {"MambaForCausalLM"}; },
      "architecture 'MambaForCausalLM' is not supported (supported: LlamaForCausalLM, Qwen2ForCausalLM, "
      "Qwen3ForCausalLM, GPT2LMHeadModel)");
}

TEST(ReadArch, NamesAMissingKeyAndAWrongType) {
  expect_refused(
      kLlama, [](Json& c) { c.erase("hidden_size"); }, "config.json: missing key 'hidden_size'");
  expect_refused(
      kLlama, [](Json& c) { c["hidden_size"] = "36"; },
      "key 'hidden_size' must be an integer of 64 bits, found string \"36\"");
  expect_refused(
      kLlama, [](Json& c) { c["num_hidden_layers"] = 0; }, "key 'num_hidden_layers' must be 1 or more, found 0");
}

TEST(ReadArch, NamesTheSupportedRopeTypes) {
  expect_refused(
      kLlama, [](Json& c) { c["rope_parameters"]["rope_type"] = "yarn"; },
      "rope_parameters: rope type 'yarn' is not supported (supported: default, linear, llama3)");
  expect_refused(
      "llama-linear-rope-tied-bf16", [](Json& c) { c["rope_scaling"]["type"] = "dynamic"; },
      "rope_scaling: rope type 'dynamic' is not supported");
}

TEST(ReadArch, RefusesIncompleteOrPartialRope) {
  expect_refused(
      kLlama, [](Json& c) { c["rope_parameters"].erase("factor"); }, "rope_parameters: missing key 'factor'");
  expect_refused(
      kLlama, [](Json& c) { c["rope_parameters"]["low_freq_factor"] = 4.0; },
      "high_freq_factor (4) must be above low_freq_factor (4)");
  expect_refused(
      kLlama, [](Json& c) { c["rope_parameters"]["partial_rotary_factor"] = 0.5; },
      "partial_rotary_factor 0.5 is not supported");
}

TEST(ReadArch, RefusesASlidingWindowInUse) {
  expect_refused(
      "qwen2-tied",
      [](Json& c) {
        c["use_sliding_window"] = true;
        c["sliding_window"] = 16;
        c["max_window_layers"] = 1;
      },
      "sliding-window attention is not supported");
  expect_refused(
      "qwen3-fp16", [](Json& c) { c["layer_types"][1] = "sliding_attention"; },
      "sliding-window attention is not supported");
}

TEST(ReadArch, RefusesWhatItCannotCompute) {
  expect_refused(
      kLlama, [](Json& c) { c["hidden_act"] = "quick_gelu"; },
      "'hidden_act': activation 'quick_gelu' is not supported (supported: silu");
  expect_refused(
      kLlama,
      [](Json& c) {
        c["quantization_config"] = Json::object({{"bits", 4}});
      },
      "quantised weights are not supported");
  expect_refused(
      kLlama, [](Json& c) { c["num_key_value_heads"] = 4; },
      "the 6 query heads must be a multiple of the 4 key/value heads");
  expect_refused(
      kLlama, [](Json& c) { c["head_dim"] = 9; }, "head_dim must be even for rotary positions, found 9");
  expect_refused(
      "gpt2", [](Json& c) { c["n_head"] = 5; }, "n_embd (36) must be a multiple of n_head (5)");
  expect_refused(
      "gpt2", [](Json& c) { c["scale_attn_by_inverse_layer_idx"] = true; },
      "key 'scale_attn_by_inverse_layer_idx' must be false");
  expect_refused(
      "gpt2", [](Json& c) { c["scale_attn_weights"] = false; }, "key 'scale_attn_weights' must be true");
}

}  // namespace
}  // namespace neurosweep
