#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace neurosweep::testing {

/// What a GGUF file of texts, 32-bit numbers and one-dimensional f32 tensors holds.
struct GgufFile {
  std::map<std::string, std::string> texts;
  std::map<std::string, std::uint32_t> numbers;
  std::map<std::string, std::vector<float>> tensors;
};

/// Reads the bytes of a file as its specification says; throws std::runtime_error where they do not.
GgufFile parse_gguf(const std::string& bytes);

}  // namespace neurosweep::testing
