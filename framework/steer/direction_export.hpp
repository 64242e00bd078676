#pragma once

#include <map>
#include <string>
#include <string_view>

#include "framework/steer/layer_edits.hpp"

namespace neurosweep {

/// Constant directions that are added to the residual stream behind layers, at every token: what a push is to programs
/// that know no neurons. Exact where a layer's residual is the sum of its input, attention and MLP, as in every family
/// here; what a gate, cap, scope or doubt makes of the push at a token is not in it.
struct ResidualDirections {
  std::map<LayerIndex, at::Tensor> layers;  ///< [D] f64 each
  std::int64_t D = 0, L = 0;
  std::string family;  ///< as `model_type` in config.json
  std::string about;   ///< JSON text: where it comes from
};

enum class ExportFormat {
  gguf,         ///< llama.cpp: --control-vector; knows no layer 0
  easysteer,    ///< EasySteer (vLLM): VectorSpec(source = ...)
  repeng,       ///< repeng: ControlVector.import_gguf; has every layer, 0 where there is nothing
  vllm_lens,    ///< vllm-lens: JSON of apply_steering_vectors
  safetensors,  ///< tensors "direction.<layer>"
  json,
};

/// The format of this name. Throws Error{input} with the valid ones.
ExportFormat export_format(std::string_view name);
bool is_text(ExportFormat format);

/// A file of directions, whole.
///   throws  Error{input}: the format cannot say it, with one that can
///   source  llama.cpp common_control_vector_load_one() and llama_adapter_cvec (direction.N is added behind 0-based
///           layer N; 0 is refused); EasySteer's vLLM model_hooks/steering/loading.py (N >= 0); repeng
///           ControlVector.import_gguf; vllm-lens SteeringVector and deserialize_tensor
std::string export_bytes(const ResidualDirections& directions, ExportFormat format);

}  // namespace neurosweep
