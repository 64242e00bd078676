#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "framework/config/json.hpp"
#include "framework/model/arch.hpp"

namespace neurosweep {

/// The config.json of a checkpoint; every message starts with its path.
struct ConfigFile {
  std::string path;
  Json json;

  bool has(std::string_view key) const { return find_key(json, key, path) != nullptr; }  ///< there, and not null

  template <class T>
  T get(std::string_view key) const {
    return require<T>(json, key, path);
  }

  template <class T>
  T get_or(std::string_view key, std::type_identity_t<T> fallback) const {
    return optional_or<T>(json, key, std::move(fallback), path);
  }

  std::int64_t size(std::string_view key) const;  ///< an integer >= 1
  std::int64_t size_or(std::string_view key, std::int64_t fallback) const;
};

/// The activation that transformers calls by the name under `key`.
ActivationKind read_activation(const ConfigFile& config, std::string_view key, const std::string& fallback);

/// Rotary embedding from `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (older).
RopeSpec read_rope(const ConfigFile& config);

/// The part that the rotary, gated, RMS-normalised families share; `head_dim_fallback` 0 stands for D / H.
ArchSpec read_gated_decoder(const ConfigFile& config, std::int64_t head_dim_fallback = 0);

/// Throws Error{input} when a layer attends to a sliding window only.
void expect_full_attention(const ConfigFile& config);

}  // namespace neurosweep
