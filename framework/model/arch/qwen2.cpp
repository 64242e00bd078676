#include "framework/model/arch_table.hpp"

namespace neurosweep {

ArchSpec read_qwen2(const ConfigFile& config) {
  expect_full_attention(config);
  ArchSpec arch = read_gated_decoder(config);
  arch.qkv_bias = true;
  return arch;
}

}  // namespace neurosweep
