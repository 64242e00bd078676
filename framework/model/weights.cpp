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
#include "framework/model/layer_tensors.hpp"
#include "framework/model/memory_map.hpp"
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

/// What is kept of a linear map: some outputs, or some inputs.
struct Cut {
  enum class Side { outputs, inputs } side;
  Piece piece;
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
        heads_(heads_of(arch)),
        neurons_(neurons_of(arch)),
        vocabulary_(piece_of(arch.V, arch.part)),
        checkpoint_(Checkpoint::open(dir)),
        prefix_(tensor_prefix(checkpoint_, names_)) {}

  Weights read() {
    Weights weights;
    weights.embedding = weight(prefix_ + std::string(names_.embedding), {arch_.V, arch_.D}, vocabulary_);
    if (arch_.position == PositionKind::learned) {
      weights.positions = weight(prefix_ + std::string(names_.positions), {arch_.context, arch_.D}, {0, arch_.context});
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

  /// A piece of a tensor on the asked device, of the asked type, its rows dense; without a copy where it is so already.
  at::Tensor convert(const at::Tensor& whole, std::int64_t dim, Piece piece, const std::string& name) const {
    const at::Tensor in_file = whole.narrow(dim, piece.first, piece.count);
    const at::Tensor converted = load_weight(in_file, options_.device, options_.dtype);
    const bool is_finite = at::isfinite(converted).all().item<bool>();
    if (arch_.part.count > 1 && !converted.is_alias_of(whole)) release_pages(whole);
    if (is_finite) return converted;
    const std::string where = fmt::format("{}: tensor '{}'", checkpoint_.path_of(name), name);
    if (at::isfinite(in_file).all().item<bool>()) {
      throw input_error("{}: a value is out of the range of {}: load with another element type", where,
                        at::toString(options_.dtype));
    }
    throw input_error("{}: holds NaN or Inf", where);
  }

  /// The rows of a weight that a piece names.
  at::Tensor weight(const std::string& name, at::IntArrayRef shape, Piece rows) {
    return convert(take(name + ".weight", shape), 0, rows, name + ".weight");
  }

  at::Tensor bias(const std::string& name, std::int64_t out, Piece rows) {
    return convert(take(name + ".bias", {out}), 0, rows, name + ".bias");
  }

  Linear linear(const std::string& name, const LinearShape& shape, const Cut& cut) {
    const bool cuts_outputs = cut.side == Cut::Side::outputs;
    const at::Tensor whole = names_.layout == LinearLayout::out_in ? take(name + ".weight", {shape.out, shape.in})
                                                                   : take(name + ".weight", {shape.in, shape.out}).t();
    Linear linear;
    linear.weight = convert(whole, cuts_outputs ? 0 : 1, cut.piece, name + ".weight");
    if (!shape.bias) return linear;
    const at::Tensor bias = this->bias(name, shape.out, cuts_outputs ? cut.piece : Piece{0, shape.out});
    if (cuts_outputs || arch_.part.index == 0) linear.bias = bias;  // parts of inputs are summed: one has the bias
    return linear;
  }

  Norm norm(const std::string& name, std::int64_t width, NormKind kind) {
    Norm norm{weight(name, {width}, {0, width}), {}};
    if (kind == NormKind::layer) norm.bias = bias(name, width, {0, width});
    return norm;
  }

  void read_attention(const std::string& at, LayerWeights& layer) {
    const std::int64_t width = arch_.head_dim, q_width = arch_.H * width, kv_width = arch_.kv_heads * width;
    const Cut query = outputs({heads_.query.first * width, heads_.query.count * width});
    const Cut key = outputs({heads_.key.first * width, heads_.key.count * width});
    if (names_.qkv.empty()) {
      layer.q = linear(at + std::string(names_.q), {q_width, arch_.D, arch_.qkv_bias}, query);
      layer.k = linear(at + std::string(names_.k), {kv_width, arch_.D, arch_.qkv_bias}, key);
      layer.v = linear(at + std::string(names_.v), {kv_width, arch_.D, arch_.qkv_bias}, key);
    } else {
      const std::string fused = at + std::string(names_.qkv);
      const LinearShape shape{q_width + 2 * kv_width, arch_.D, arch_.qkv_bias};
      layer.q = linear(fused, shape, query);
      layer.k = linear(fused, shape, outputs({q_width + key.piece.first, key.piece.count}));
      layer.v = linear(fused, shape, outputs({q_width + kv_width + key.piece.first, key.piece.count}));
    }
    if (arch_.qk_norm) {
      layer.q_norm = norm(at + std::string(names_.q_norm), arch_.head_dim, NormKind::rms);
      layer.k_norm = norm(at + std::string(names_.k_norm), arch_.head_dim, NormKind::rms);
    }
    layer.o = linear(at + std::string(names_.o), {arch_.D, q_width, arch_.o_bias}, {Cut::Side::inputs, query.piece});
  }

  static Cut outputs(Piece piece) { return {Cut::Side::outputs, piece}; }

  LayerWeights layer(const std::string& at) {
    LayerWeights layer;
    layer.attention_norm = norm(at + std::string(names_.attention_norm), arch_.D, arch_.norm);
    read_attention(at, layer);
    layer.mlp_norm = norm(at + std::string(names_.mlp_norm), arch_.D, arch_.norm);
    const LinearShape in{arch_.M, arch_.D, arch_.mlp_bias}, out{arch_.D, arch_.M, arch_.mlp_bias};
    if (arch_.gated_mlp) layer.gate = linear(at + std::string(names_.gate), in, outputs(neurons_));
    layer.up = linear(at + std::string(names_.up), in, outputs(neurons_));
    layer.down = linear(at + std::string(names_.down), out, {Cut::Side::inputs, neurons_});
    return layer;
  }

  Linear head(const at::Tensor& embedding) {
    const std::string name(names_.head);
    if (!arch_.tied_head) return {weight(name, {arch_.V, arch_.D}, vocabulary_), {}};
    if (checkpoint_.has(name + ".weight") && !at::equal(weight(name, {arch_.V, arch_.D}, vocabulary_), embedding)) {
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
  const HeadPieces heads_;
  const Piece neurons_, vocabulary_;
  const Checkpoint checkpoint_;
  const std::string prefix_;
  std::set<std::string> used_;
};

}  // namespace

Weights read_weights(const std::string& dir, const ArchSpec& arch, const WeightOptions& options) {
  check_part(arch);
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
