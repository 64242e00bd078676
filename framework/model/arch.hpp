#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/model/model_part.hpp"

namespace neurosweep {

// Glossary of the short names used for sizes and tensor shapes everywhere:
//   B batch rows   T tokens   D residual width   M neurons per layer   L layers   H query heads
//   V vocabulary   P pairs    K selected neurons

enum class NormKind { rms, layer };                         ///< RMSNorm, or LayerNorm with bias
enum class ActivationKind { silu, gelu_tanh, gelu, relu };  ///< of the MLP's gate (or of its only input projection)
enum class PositionKind { rope, learned };
enum class RopeScaling { none, linear, llama3 };

/// Rotary position embedding, half-split layout (Hugging Face).
struct RopeSpec {
  double theta = 10000.0;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;
  double low_freq_factor = 1.0;          ///< llama3 only
  double high_freq_factor = 4.0;         ///< llama3 only
  std::int64_t original_context = 8192;  ///< llama3 only, tokens
};

/// A decoder architecture as data: everything that `Decoder` needs to know besides the weights.
struct ArchSpec {
  std::string family;  ///< "llama", "qwen2", "qwen3", "gpt2": the row of arch_table it came from
  std::int64_t D = 0, L = 0, M = 0, V = 0;
  std::int64_t H = 0;         ///< query heads
  std::int64_t kv_heads = 0;  ///< key/value heads; H % kv_heads == 0
  std::int64_t head_dim = 0;
  std::int64_t context = 0;  ///< longest sequence, tokens
  NormKind norm = NormKind::rms;
  double norm_eps = 1e-6;
  ActivationKind activation = ActivationKind::silu;
  PositionKind position = PositionKind::rope;
  RopeSpec rope;
  bool gated_mlp = true;          ///< act(gate x) * (up x), else act(fc x)
  bool qk_norm = false;           ///< RMSNorm over head_dim on queries and keys, before rope
  bool qkv_bias = false;          ///< the query, key and value projections have a bias
  bool o_bias = false;            ///< the attention's output projection has a bias
  bool mlp_bias = false;          ///< the projections of the MLP have a bias
  bool tied_head = false;         ///< the head is the embedding
  std::vector<std::int64_t> eos;  ///< token ids that end a generation; may be empty
  std::int64_t bos = -1;          ///< -1: none
  ModelPart part;                 ///< what this rank holds of it; the sizes above are of the whole
};

/// Reads DIR/config.json (and eos ids of generation_config.json where present).
///   throws  Error{input}: missing file or key, wrong type, unsupported architecture or feature
///           (sliding window, unknown rope type, mlp of another shape ...), with the path and what is supported
ArchSpec read_arch(const std::string& dir);

}  // namespace neurosweep
