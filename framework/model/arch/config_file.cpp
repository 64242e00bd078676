#include "framework/model/arch/config_file.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/ranges.h>

namespace neurosweep {
namespace {

using ActivationName = std::pair<std::string_view, ActivationKind>;
constexpr std::array<ActivationName, 9> kActivationNames = {{
    {"silu", ActivationKind::silu},
    {"swish", ActivationKind::silu},
    {"gelu_new", ActivationKind::gelu_tanh},
    {"gelu_pytorch_tanh", ActivationKind::gelu_tanh},
    {"gelu_fast", ActivationKind::gelu_tanh},
    {"gelu_python_tanh", ActivationKind::gelu_tanh},
    {"gelu", ActivationKind::gelu},
    {"gelu_python", ActivationKind::gelu},
    {"relu", ActivationKind::relu},
}};

/// The rope settings of either style as one object, or an empty object.
ConfigFile rope_settings(const ConfigFile& config) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (config.has(key)) return {fmt::format("{}: {}", config.path, key), config.get<Json>(key)};
  }
  return {config.path, Json::object()};
}

double positive(const ConfigFile& settings, std::string_view key) {
  const double value = settings.get<double>(key);
  if (value <= 0) throw input_error("{}: key '{}' must be above 0, found {}", settings.path, key, value);
  return value;
}

void read_llama3_scaling(const ConfigFile& config, const ConfigFile& settings, RopeSpec& rope) {
  rope.scaling = RopeScaling::llama3;
  rope.factor = positive(settings, "factor");
  rope.low_freq_factor = positive(settings, "low_freq_factor");
  rope.high_freq_factor = positive(settings, "high_freq_factor");
  rope.original_context =
      config.size_or("original_max_position_embeddings",
                     settings.size_or("original_max_position_embeddings", config.size("max_position_embeddings")));
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    throw input_error("{}: high_freq_factor ({}) must be above low_freq_factor ({})", settings.path,
                      rope.high_freq_factor, rope.low_freq_factor);
  }
}

}  // namespace

std::int64_t ConfigFile::size(std::string_view key) const {
  const auto value = get<std::int64_t>(key);
  if (value < 1) throw input_error("{}: key '{}' must be 1 or more, found {}", path, key, value);
  return value;
}

std::int64_t ConfigFile::size_or(std::string_view key, std::int64_t fallback) const {
  return has(key) ? size(key) : fallback;
}

ActivationKind read_activation(const ConfigFile& config, std::string_view key, const std::string& fallback) {
  const auto name = config.get_or<std::string>(key, fallback);
  std::vector<std::string_view> known;
  for (const auto& [known_name, kind] : kActivationNames) {
    if (known_name == name) return kind;
    known.push_back(known_name);
  }
  throw input_error("{}: '{}': activation '{}' is not supported (supported: {})", config.path, key, name,
                    fmt::join(known, ", "));
}

RopeSpec read_rope(const ConfigFile& config) {
  const ConfigFile settings = rope_settings(config);
  const ConfigFile& theta_owner = settings.has("rope_theta") ? settings : config;
  RopeSpec rope;
  if (theta_owner.has("rope_theta")) rope.theta = positive(theta_owner, "rope_theta");

  const auto type = settings.get_or<std::string>("rope_type", settings.get_or<std::string>("type", "default"));
  if (type == "linear") {
    rope.scaling = RopeScaling::linear;
    rope.factor = positive(settings, "factor");
  } else if (type == "llama3") {
    read_llama3_scaling(config, settings, rope);
  } else if (type != "default") {
    throw input_error("{}: rope type '{}' is not supported (supported: default, linear, llama3)", settings.path, type);
  }
  for (const ConfigFile* owner : {&settings, &config}) {
    const double rotated = owner->get_or<double>("partial_rotary_factor", 1.0);
    if (rotated != 1.0)
      throw input_error("{}: partial_rotary_factor {} is not supported (only 1)", owner->path, rotated);
  }
  return rope;
}

ArchSpec read_gated_decoder(const ConfigFile& config, std::int64_t head_dim_fallback) {
  ArchSpec arch;
  arch.D = config.size("hidden_size");
  arch.L = config.size("num_hidden_layers");
  arch.M = config.size("intermediate_size");
  arch.V = config.size("vocab_size");
  arch.H = config.size("num_attention_heads");
  arch.kv_heads = config.size_or("num_key_value_heads", arch.H);
  arch.head_dim = config.size_or("head_dim", head_dim_fallback);
  if (arch.head_dim == 0) {
    if (arch.D % arch.H != 0) {
      throw input_error(
          "{}: hidden_size ({}) must be a multiple of num_attention_heads ({}) where head_dim is not given",
          config.path, arch.D, arch.H);
    }
    arch.head_dim = arch.D / arch.H;
  }
  arch.context = config.size("max_position_embeddings");
  arch.norm = NormKind::rms;
  arch.norm_eps = config.get_or<double>("rms_norm_eps", 1e-6);
  arch.activation = read_activation(config, "hidden_act", "silu");
  arch.position = PositionKind::rope;
  arch.rope = read_rope(config);
  arch.gated_mlp = true;
  arch.tied_head = config.get_or<bool>("tie_word_embeddings", false);
  return arch;
}

void expect_full_attention(const ConfigFile& config) {
  const bool by_flag = config.get_or<bool>("use_sliding_window", false) && config.has("sliding_window") &&
                       config.get_or<std::int64_t>("max_window_layers", 0) < config.size("num_hidden_layers");
  const auto layer_types = config.get_or<std::vector<std::string>>("layer_types", {});
  const bool by_layer = std::any_of(layer_types.begin(), layer_types.end(),
                                    [](const std::string& type) { return type != "full_attention"; });
  if (by_flag || by_layer) {
    throw input_error("{}: sliding-window attention is not supported (only full attention in every layer)",
                      config.path);
  }
}

}  // namespace neurosweep
