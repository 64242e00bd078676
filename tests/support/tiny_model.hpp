#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/model/decoder.hpp"

namespace neurosweep::testing {

/// A model small enough for a slow twin: random weights, seeded.
struct TinyModel {
  std::string name;
  ArchSpec arch;
  Weights weights;

  Decoder decoder(at::ScalarType dtype = at::kFloat, at::Device device = at::kCPU) const;
};

TinyModel tiny_llama();  ///< gated MLP, RMSNorm, rope (llama3), grouped heads, untied head
TinyModel tiny_qwen2();  ///< biases on q, k, v; tied head
TinyModel tiny_qwen3();  ///< RMSNorm on queries and keys; linear rope
TinyModel tiny_gpt2();   ///< LayerNorm, learned positions, plain GELU MLP, biases everywhere

std::vector<TinyModel> tiny_models();

/// Random token ids of a model, seeded.
std::vector<std::int64_t> random_tokens(const ArchSpec& arch, std::int64_t T, std::uint64_t seed);

}  // namespace neurosweep::testing
