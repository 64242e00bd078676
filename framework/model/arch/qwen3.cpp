#include "framework/model/arch_table.hpp"

namespace neurosweep {

ArchSpec read_qwen3(const ConfigFile& config) {
  constexpr std::int64_t kHeadDim = 128;
  expect_full_attention(config);
  ArchSpec arch = read_gated_decoder(config, kHeadDim);
  arch.qkv_bias = arch.o_bias = config.get_or<bool>("attention_bias", false);
  arch.qk_norm = true;
  return arch;
}

}  // namespace neurosweep
