#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/arch.hpp"

namespace neurosweep {

/// A linear map y = x @ weight^T + bias.
struct Linear {
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out], or undefined
};

/// Scale (and shift, for LayerNorm) of a normalisation over the last dimension.
struct Norm {
  at::Tensor weight;
  at::Tensor bias;  ///< undefined for RMSNorm
};

/// Weights of one decoder layer, in the layout of nn.Linear whatever the file's layout (GPT-2 files are transposed).
struct LayerWeights {
  Norm attention_norm, mlp_norm;
  Linear q, k, v;       ///< q [H*head_dim, D]; k, v [kv_heads*head_dim, D]
  Linear o;             ///< [D, H*head_dim]
  Norm q_norm, k_norm;  ///< [head_dim], undefined unless ArchSpec::qk_norm
  Linear gate;          ///< [M, D], undefined unless gated_mlp
  Linear up;            ///< [M, D]; the only input projection of an un-gated MLP
  Linear down;          ///< [D, M]; the neuron vector is what this map multiplies
};

/// All weights of a decoder, or of the part of one that a rank holds, on one device and of one element type. In a part
/// H, kv_heads, M and V below are its own (sizes_of_part); biases of o and down are on part 0 alone, as these maps are
/// summed over parts; norms and positions are on every part.
struct Weights {
  at::Tensor embedding;  ///< [V, D]
  at::Tensor positions;  ///< [context, D], undefined unless learned positions
  std::vector<LayerWeights> layers;
  Norm final_norm;
  Linear head;  ///< [V, D]; shares embedding's storage when tied
};

struct WeightOptions {
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

/// Loads DIR/model.safetensors, or the shards named by DIR/model.safetensors.index.json, memory-mapped.
/// A weight that has the asked type and device in the file stays on the map: processes on one host share its pages
/// until one writes to it. Leave the files in place while a process runs. Only what arch.part holds is read.
///   throws  Error{input}: missing tensor (by its name in the file), wrong shape (expected and found), unsupported
///   dtype,
///           truncated or corrupt file, a NaN or Inf in a weight; Error{io}: unreadable
Weights read_weights(const std::string& dir, const ArchSpec& arch, const WeightOptions& options = {});

/// Content hash of the checkpoint: config.json, generation_config.json where present, and all weight files.
/// 32 hexadecimal digits.
std::string hash_checkpoint(const std::string& dir);

}  // namespace neurosweep
