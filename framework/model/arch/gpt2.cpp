#include "framework/model/arch_table.hpp"

namespace neurosweep {
namespace {

void refuse_attention_variants(const ConfigFile& config) {
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"}) {
    if (config.get_or<bool>(key, false)) {
      throw input_error("{}: key '{}' must be false (no other attention is supported)", config.path, key);
    }
  }
  if (!config.get_or<bool>("scale_attn_weights", true)) {
    throw input_error("{}: key 'scale_attn_weights' must be true (no other attention is supported)", config.path);
  }
}

}  // namespace

ArchSpec read_gpt2(const ConfigFile& config) {
  refuse_attention_variants(config);
  ArchSpec arch;
  arch.D = config.size("n_embd");
  arch.L = config.size("n_layer");
  arch.M = config.size_or("n_inner", 4 * arch.D);
  arch.V = config.size("vocab_size");
  arch.H = arch.kv_heads = config.size("n_head");
  if (arch.D % arch.H != 0) {
    throw input_error("{}: n_embd ({}) must be a multiple of n_head ({})", config.path, arch.D, arch.H);
  }
  arch.head_dim = arch.D / arch.H;
  arch.context = config.size("n_positions");
  arch.norm = NormKind::layer;
  arch.norm_eps = config.get_or<double>("layer_norm_epsilon", 1e-5);
  arch.activation = read_activation(config, "activation_function", "gelu_new");
  arch.position = PositionKind::learned;
  arch.gated_mlp = false;
  arch.qkv_bias = arch.o_bias = arch.mlp_bias = true;
  arch.tied_head = config.get_or<bool>("tie_word_embeddings", true);
  return arch;
}

}  // namespace neurosweep
