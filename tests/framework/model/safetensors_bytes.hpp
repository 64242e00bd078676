#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace neurosweep::testing {

/// A .safetensors file of any header text, valid or not, and data.
std::string safetensors_bytes(const std::string& header, const std::string& data);

/// Writes float32, float16, bfloat16 or int64 tensors as a valid .safetensors file.
void write_safetensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors);

/// All tensors of a .safetensors file, copied.
std::map<std::string, at::Tensor> read_safetensors(const std::string& path);

/// The folder of a golden checkpoint.
std::string golden_dir(const std::string& name);

}  // namespace neurosweep::testing
