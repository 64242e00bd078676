#include "framework/model/weights.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/model/arch_table.hpp"
#include "framework/model/checkpoint.hpp"
#include "framework/model/torch_errors.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {
namespace {

/// Buffers that old checkpoints hold beside the weights.
constexpr std::array<std::string_view, 3> kBuffers = {".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"};

struct LinearShape {
  std::int64_t out, in;
  bool bias;
};

std::string shape_text(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

class WeightReader {
 public:
  WeightReader(const std::string& dir, const ArchSpec& arch, const WeightOptions& options)
      : dir_(dir),
        arch_(arch),
        options_(options),
        names_(family_named(arch.family).names),
        checkpoint_(Checkpoint::open(dir)),
        prefix_(find_prefix()) {}

  Weights read() {
    Weights weights;
    weights.embedding = weight(prefix_ + std::string(names_.embedding), {arch_.V, arch_.D});
    if (arch_.position == PositionKind::learned) {
      weights.positions = weight(prefix_ + std::string(names_.positions), {arch_.context, arch_.D});
    }
    for (std::int64_t i = 0; i < arch_.L; ++i) {
      weights.layers.push_back(layer(fmt::format("{}{}.{}.", prefix_, names_.layers, i)));
    }
    weights.final_norm = norm(prefix_ + std::string(names_.final_norm), arch_.D, arch_.norm);
    weights.head = head(weights.embedding);
    report_unused();
    return weights;
  }

 private:
  std::string find_prefix() const {
    const std::string embedding = std::string(names_.embedding) + ".weight";
    const std::string prefix(names_.prefix);
    return !checkpoint_.has(prefix + embedding) && checkpoint_.has(embedding) ? "" : prefix;
  }

  /// The tensor as it stands in the file, of the shape it must have there.
  at::Tensor take(const std::string& name, at::IntArrayRef shape) {
    const at::Tensor tensor = checkpoint_.tensor(name);
    if (tensor.sizes() != shape) {
      throw input_error("{}: tensor '{}': expected shape {} by config.json, found {}", checkpoint_.path_of(name), name,
                        shape_text(shape), shape_text(tensor.sizes()));
    }
    if (!tensor.is_floating_point()) {
      throw input_error("{}: tensor '{}': a weight must be F32, F16 or BF16", checkpoint_.path_of(name), name);
    }
    used_.insert(name);
    return tensor;
  }

  /// The tensor on the asked device, of the asked type, contiguous; without a copy where it is so already.
  at::Tensor convert(const at::Tensor& in_file, const std::string& name) const {
    const at::Tensor converted = load_weight(in_file, options_.device, options_.dtype);
    if (at::isfinite(converted).all().item<bool>()) return converted;
    const std::string where = fmt::format("{}: tensor '{}'", checkpoint_.path_of(name), name);
    if (at::isfinite(in_file).all().item<bool>()) {
      throw input_error("{}: a value is out of the range of {}: load with another element type", where,
                        at::toString(options_.dtype));
    }
    throw input_error("{}: holds NaN or Inf", where);
  }

  at::Tensor weight(const std::string& name, at::IntArrayRef shape) {
    return convert(take(name + ".weight", shape), name + ".weight");
  }

  at::Tensor bias(const std::string& name, std::int64_t out) {
    return convert(take(name + ".bias", {out}), name + ".bias");
  }

  Linear linear(const std::string& name, const LinearShape& shape) {
    Linear linear;
    if (names_.layout == LinearLayout::out_in) {
      linear.weight = weight(name, {shape.out, shape.in});
    } else {
      linear.weight = convert(take(name + ".weight", {shape.in, shape.out}).t(), name + ".weight");
    }
    if (shape.bias) linear.bias = bias(name, shape.out);
    return linear;
  }

  Norm norm(const std::string& name, std::int64_t width, NormKind kind) {
    Norm norm{weight(name, {width}), {}};
    if (kind == NormKind::layer) norm.bias = bias(name, width);
    return norm;
  }

  void read_attention(const std::string& at, LayerWeights& layer) {
    const std::int64_t q_width = arch_.H * arch_.head_dim, kv_width = arch_.kv_heads * arch_.head_dim;
    if (names_.qkv.empty()) {
      layer.q = linear(at + std::string(names_.q), {q_width, arch_.D, arch_.qkv_bias});
      layer.k = linear(at + std::string(names_.k), {kv_width, arch_.D, arch_.qkv_bias});
      layer.v = linear(at + std::string(names_.v), {kv_width, arch_.D, arch_.qkv_bias});
    } else {
      const Linear fused = linear(at + std::string(names_.qkv), {q_width + 2 * kv_width, arch_.D, arch_.qkv_bias});
      layer.q = part_of(fused, 0, q_width);
      layer.k = part_of(fused, q_width, kv_width);
      layer.v = part_of(fused, q_width + kv_width, kv_width);
    }
    if (arch_.qk_norm) {
      layer.q_norm = norm(at + std::string(names_.q_norm), arch_.head_dim, NormKind::rms);
      layer.k_norm = norm(at + std::string(names_.k_norm), arch_.head_dim, NormKind::rms);
    }
    layer.o = linear(at + std::string(names_.o), {arch_.D, q_width, arch_.o_bias});
  }

  static Linear part_of(const Linear& fused, std::int64_t begin, std::int64_t width) {
    return {fused.weight.narrow(0, begin, width),
            fused.bias.defined() ? fused.bias.narrow(0, begin, width) : at::Tensor()};
  }

  LayerWeights layer(const std::string& at) {
    LayerWeights layer;
    layer.attention_norm = norm(at + std::string(names_.attention_norm), arch_.D, arch_.norm);
    read_attention(at, layer);
    layer.mlp_norm = norm(at + std::string(names_.mlp_norm), arch_.D, arch_.norm);
    if (arch_.gated_mlp) layer.gate = linear(at + std::string(names_.gate), {arch_.M, arch_.D, arch_.mlp_bias});
    layer.up = linear(at + std::string(names_.up), {arch_.M, arch_.D, arch_.mlp_bias});
    layer.down = linear(at + std::string(names_.down), {arch_.D, arch_.M, arch_.mlp_bias});
    return layer;
  }

  Linear head(const at::Tensor& embedding) {
    const std::string name(names_.head);
    if (!arch_.tied_head) return {weight(name, {arch_.V, arch_.D}), {}};
    if (checkpoint_.has(name + ".weight") && !at::equal(weight(name, {arch_.V, arch_.D}), embedding)) {
      throw input_error("{}: tensor '{}.weight' differs from the embedding, but config.json ties the two",
                        checkpoint_.path_of(name + ".weight"), name);
    }
    return {embedding, {}};
  }

  void report_unused() const {
    std::vector<std::string> unused;
    for (const std::string& name : checkpoint_.names()) {
      const bool buffer = std::any_of(kBuffers.begin(), kBuffers.end(), [&](std::string_view suffix) {
        return std::string_view(name).ends_with(suffix);
      });
      if (!buffer && !used_.contains(name)) unused.push_back(name);
    }
    if (!unused.empty()) log_info("{}: {} tensors are not used: {}", dir_, unused.size(), fmt::join(unused, ", "));
  }

  const std::string& dir_;
  const ArchSpec& arch_;
  const WeightOptions& options_;
  const TensorNames& names_;
  const Checkpoint checkpoint_;
  const std::string prefix_;
  std::set<std::string> used_;
};

}  // namespace

Weights read_weights(const std::string& dir, const ArchSpec& arch, const WeightOptions& options) {
  const std::string doing = fmt::format("{}: loading the weights onto {}", dir, options.device.str());
  return guard_torch(doing.c_str(), [&] { return WeightReader(dir, arch, options).read(); });
}

std::string hash_checkpoint(const std::string& dir) {
  ContentHash hash;
  hash.add_text(hash_file(dir + "/config.json"));
  const std::string generation = dir + "/generation_config.json";
  if (std::filesystem::exists(generation)) hash.add_text(hash_file(generation));
  const Checkpoint checkpoint = Checkpoint::open(dir);
  for (const SafetensorsFile& file : checkpoint.files()) hash.add_text(hash_file(file.path()));
  return hash.hex();
}

}  // namespace neurosweep
