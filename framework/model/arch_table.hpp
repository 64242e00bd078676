#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framework/model/arch.hpp"
#include "framework/model/arch/config_file.hpp"

namespace neurosweep {

/// How a file stores the weight of a linear map.
enum class LinearLayout { out_in, in_out };  ///< in_out: GPT-2's Conv1D

/// What a family's files call their tensors, without ".weight" and ".bias"; empty where the family has none.
struct TensorNames {
  std::string_view prefix;  ///< before every name but the head's; some published files leave it out
  std::string_view embedding, positions, final_norm, head;
  std::string_view layers;  ///< "LAYERS.<i>." stands before the names below
  std::string_view attention_norm, mlp_norm;
  std::string_view q, k, v;
  std::string_view qkv;  ///< q, k and v fused along the output, instead of the three
  std::string_view q_norm, k_norm;
  std::string_view o, gate, up, down;
  LinearLayout layout = LinearLayout::out_in;
};

/// One supported model family.
struct Family {
  std::string_view name;          ///< `model_type` in config.json
  std::string_view architecture;  ///< `architectures[0]` in config.json
  ArchSpec (*read)(const ConfigFile& config);
  TensorNames names;
};

/// All supported families.
std::span<const Family> families();

/// The family an ArchSpec came from. Throws Error{input} for a name that is not in the table.
const Family& family_named(std::string_view name);

ArchSpec read_gpt2(const ConfigFile& config);
ArchSpec read_llama(const ConfigFile& config);
ArchSpec read_qwen2(const ConfigFile& config);
ArchSpec read_qwen3(const ConfigFile& config);

}  // namespace neurosweep
