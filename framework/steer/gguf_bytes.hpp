#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace neurosweep {

/// A small GGUF file: texts and numbers, and one-dimensional f32 tensors.
struct GgufContent {
  std::vector<std::pair<std::string, std::variant<std::string, std::uint32_t>>> fields;
  std::vector<std::pair<std::string, std::vector<float>>> tensors;
};

/// The bytes of the file, version 3.
///   source  github.com/ggml-org/ggml, docs/gguf.md
std::string gguf_bytes(const GgufContent& content);

}  // namespace neurosweep
