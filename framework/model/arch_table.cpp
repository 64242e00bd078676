#include "framework/model/arch_table.hpp"

#include <algorithm>
#include <array>

namespace neurosweep {
namespace {

constexpr TensorNames kLlamaNames = {
    .prefix = "model.",
    .embedding = "embed_tokens",
    .positions = "",
    .final_norm = "norm",
    .head = "lm_head",
    .layers = "layers",
    .attention_norm = "input_layernorm",
    .mlp_norm = "post_attention_layernorm",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .qkv = "",
    .q_norm = "self_attn.q_norm",
    .k_norm = "self_attn.k_norm",
    .o = "self_attn.o_proj",
    .gate = "mlp.gate_proj",
    .up = "mlp.up_proj",
    .down = "mlp.down_proj",
    .layout = LinearLayout::out_in,
};

constexpr TensorNames kGpt2Names = {
    .prefix = "transformer.",
    .embedding = "wte",
    .positions = "wpe",
    .final_norm = "ln_f",
    .head = "lm_head",
    .layers = "h",
    .attention_norm = "ln_1",
    .mlp_norm = "ln_2",
    .q = "",
    .k = "",
    .v = "",
    .qkv = "attn.c_attn",
    .q_norm = "",
    .k_norm = "",
    .o = "attn.c_proj",
    .gate = "",
    .up = "mlp.c_fc",
    .down = "mlp.c_proj",
    .layout = LinearLayout::in_out,
};

constexpr std::array<Family, 4> kFamilies = {{
    {"llama", "LlamaForCausalLM", read_llama, kLlamaNames},
    {"qwen2", "Qwen2ForCausalLM", read_qwen2, kLlamaNames},
    {"qwen3", "Qwen3ForCausalLM", read_qwen3, kLlamaNames},
    {"gpt2", "GPT2LMHeadModel", read_gpt2, kGpt2Names},
}};

}  // namespace

std::span<const Family> families() {
  return kFamilies;
}

const Family& family_named(std::string_view name) {
  const auto row = std::find_if(kFamilies.begin(), kFamilies.end(), [&](const Family& f) { return f.name == name; });
  if (row == kFamilies.end()) throw input_error("model family '{}' is not in the table of families", name);
  return *row;
}

}  // namespace neurosweep
