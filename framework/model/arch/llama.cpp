#include "framework/model/arch_table.hpp"

namespace neurosweep {

ArchSpec read_llama(const ConfigFile& config) {
  ArchSpec arch = read_gated_decoder(config);
  arch.qkv_bias = arch.o_bias = config.get_or<bool>("attention_bias", false);
  arch.mlp_bias = config.get_or<bool>("mlp_bias", false);
  return arch;
}

}  // namespace neurosweep
