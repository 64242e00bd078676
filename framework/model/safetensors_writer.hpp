#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/config/json.hpp"

namespace neurosweep {

/// A tensor to be written; its numbers are asked for when their turn comes.
struct TensorToWrite {
  std::string name;
  std::string dtype;  ///< "F32", "BF16", ...
  std::vector<std::int64_t> shape;
  std::function<at::Tensor()> make;  ///< contiguous, on the CPU, of as many bytes as dtype and shape say
};

/// The header of a file of these tensors, one behind the other in this order, padded to eight bytes.
///   metadata  an object of texts, or null: none
std::string safetensors_header(const std::vector<TensorToWrite>& tensors, const Json& metadata);

/// Writes one .safetensors file, tensor by tensor, and syncs it to the disk; never holds more than one tensor.
///   header   as of safetensors_header(), or an equivalent text
///   throws   Error{io} with the path when it is there already or cannot be written
///   source   github.com/huggingface/safetensors, "Format"
void write_safetensors(const std::string& path, const std::string& header, const std::vector<TensorToWrite>& tensors);

}  // namespace neurosweep
