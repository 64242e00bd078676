#include "framework/model/arch.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>

#include "framework/base/log.hpp"
#include "framework/config/json.hpp"
#include "framework/model/arch_table.hpp"

namespace neurosweep {
namespace {

constexpr double kMostWeights = 1e14;

ConfigFile read_config(const std::string& dir) {
  const std::string path = dir + "/config.json";
  if (!std::filesystem::exists(path)) {
    throw input_error("{}: no such file (a model folder holds config.json and model.safetensors)", path);
  }
  return {path, read_json(path)};
}

const Family& find_family(const ConfigFile& config) {
  const auto architectures = config.get_or<std::vector<std::string>>("architectures", {});
  const auto model_type = config.get_or<std::string>("model_type", "");
  std::vector<std::string_view> supported;
  for (const Family& family : families()) {
    if (architectures.empty() ? family.name == model_type : family.architecture == architectures[0]) return family;
    supported.push_back(family.architecture);
  }
  throw input_error("{}: architecture '{}' is not supported (supported: {})", config.path,
                    architectures.empty() ? model_type : architectures[0], fmt::join(supported, ", "));
}

std::vector<std::int64_t> eos_ids_in(const ConfigFile& config) {
  constexpr const char* kKey = "eos_token_id";
  if (!config.has(kKey)) return {};
  if (config.get<Json>(kKey).is_array()) return config.get<std::vector<std::int64_t>>(kKey);
  return {config.get<std::int64_t>(kKey)};
}

std::vector<std::int64_t> read_eos(const std::string& dir, const ConfigFile& config, std::int64_t V) {
  std::vector<std::int64_t> ids;
  const std::string path = dir + "/generation_config.json";
  if (std::filesystem::exists(path)) ids = eos_ids_in({path, read_json(path)});
  if (ids.empty()) ids = eos_ids_in(config);
  std::erase_if(ids, [&](std::int64_t id) {
    const bool outside = id < 0 || id >= V;
    if (outside) log_warning("{}: eos token {} is outside the vocabulary of {} and is ignored", dir, id, V);
    return outside;
  });
  return ids;
}

void check_sizes(const ArchSpec& arch, const std::string& path) {
  const auto product = [](auto... sizes) { return (static_cast<double>(sizes) * ...); };
  const double heads = product(arch.H) + product(arch.kv_heads), width = product(arch.D) + product(arch.head_dim);
  const double weights = product(arch.L, arch.D, arch.M) + product(arch.L, arch.D, heads, arch.head_dim) +
                         product(arch.D, arch.V) + product(width, arch.context);
  if (weights > kMostWeights) {
    throw input_error("{}: its sizes ask for {:.1e} weights, more than any model has: is the file damaged?", path,
                      weights);
  }
  if (arch.H % arch.kv_heads != 0) {
    throw input_error("{}: the {} query heads must be a multiple of the {} key/value heads", path, arch.H,
                      arch.kv_heads);
  }
  if (arch.position == PositionKind::rope && arch.head_dim % 2 != 0) {
    throw input_error("{}: head_dim must be even for rotary positions, found {}", path, arch.head_dim);
  }
}

}  // namespace

ArchSpec read_arch(const std::string& dir) {
  const ConfigFile config = read_config(dir);
  if (config.has("quantization_config")) {
    throw input_error("{}: quantised weights are not supported (float32, float16 and bfloat16 are)", config.path);
  }
  const Family& family = find_family(config);
  ArchSpec arch = family.read(config);
  arch.family = family.name;
  arch.eos = read_eos(dir, config, arch.V);
  arch.bos = config.get_or<std::int64_t>("bos_token_id", -1);
  check_sizes(arch, config.path);
  return arch;
}

}  // namespace neurosweep
