#include "framework/model/decoder.hpp"

#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/model/attention.hpp"
#include "framework/model/cpu/packed_decoder.hpp"
#include "framework/model/ops.hpp"
#include "framework/model/torch_errors.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {
namespace {

void expect_shape(const at::Tensor& weight, at::IntArrayRef shape, const char* name) {
  if (!weight.defined()) throw error(ErrorKind::internal, "decoder weight {} is missing", name);
  if (weight.sizes() == shape) return;
  throw error(ErrorKind::internal, "decoder weight {} has shape {}: expected {}", name, fmt::join(weight.sizes(), "x"),
              fmt::join(shape, "x"));
}

void check_shapes(const ArchSpec& arch, const LayerWeights& weights) {
  expect_shape(weights.attention_norm.weight, {arch.D}, "attention_norm");
  expect_shape(weights.mlp_norm.weight, {arch.D}, "mlp_norm");
  expect_shape(weights.q.weight, {arch.H * arch.head_dim, arch.D}, "q");
  expect_shape(weights.k.weight, {arch.kv_heads * arch.head_dim, arch.D}, "k");
  expect_shape(weights.v.weight, {arch.kv_heads * arch.head_dim, arch.D}, "v");
  expect_shape(weights.o.weight, {arch.D, arch.H * arch.head_dim}, "o");
  if (arch.gated_mlp) expect_shape(weights.gate.weight, {arch.M, arch.D}, "gate");
  expect_shape(weights.up.weight, {arch.M, arch.D}, "up");
  expect_shape(weights.down.weight, {arch.D, arch.M}, "down");
  if (!arch.qk_norm) return;
  expect_shape(weights.q_norm.weight, {arch.head_dim}, "q_norm");
  expect_shape(weights.k_norm.weight, {arch.head_dim}, "k_norm");
}

/// Linear maps of one input as a single map, outputs side by side.
Linear join(const std::vector<Linear>& parts) {
  std::vector<at::Tensor> weights, biases;
  bool any_bias = false;
  for (const auto& part : parts) {
    any_bias = any_bias || part.bias.defined();
    weights.push_back(part.weight);
    biases.push_back(part.bias.defined() ? part.bias : at::zeros({part.weight.size(0)}, part.weight.options()));
  }
  return {at::cat(weights, 0), any_bias ? at::cat(biases, 0) : at::Tensor()};
}

void visit(ActivationHook* hook, Site site, LayerIndex layer, at::Tensor& x, const BatchRows& rows) {
  if (hook != nullptr && hook->wants(site, layer)) hook->visit(site, layer, x, rows);
}

void check_tokens(const at::Tensor& tokens, std::int64_t V) {
  if (!tokens.is_cpu()) return;
  const at::Tensor dense = tokens.contiguous();
  const auto* ids = dense.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < dense.numel(); ++i) {
    if (ids[i] < 0 || ids[i] >= V) {
      throw input_error("token id {} is outside the vocabulary of {}: is it the model's own tokenizer?", ids[i], V);
    }
  }
}

void check_positions(const BatchRows& rows, std::int64_t context) {
  for (std::size_t row = 0; row < rows.n_tokens.size(); ++row) {
    const std::int64_t end = rows.first_position[row] + rows.n_tokens[row];
    if (end > context)
      throw input_error("a sequence of {} tokens is longer than the model's context of {}", end, context);
  }
}

}  // namespace

Decoder::Decoder(ArchSpec arch, Weights weights, std::shared_ptr<ModelGroup> group)
    : arch_(std::move(arch)),
      own_(sizes_of_part(arch_)),
      group_(std::move(group)),
      weights_(std::move(weights)),
      packing_(std::make_unique<Packing>()) {
  ensure(arch_.part.count == (group_ ? group_->part().count : 1), "a part of a decoder needs its group");
  ensure(static_cast<std::int64_t>(weights_.layers.size()) == arch_.L, "a decoder needs weights for every layer");
  expect_shape(weights_.embedding, {own_.V, arch_.D}, "embedding");
  expect_shape(weights_.head.weight, {own_.V, arch_.D}, "head");
  expect_shape(weights_.final_norm.weight, {arch_.D}, "final_norm");
  guard_torch("preparing the decoder", [&] {
    const c10::NoGradGuard no_grad;
    for (auto& layer : weights_.layers) {
      check_shapes(own_, layer);
      layers_.push_back(join_layer(layer));
      if (!device().is_cpu()) layer.q = layer.k = layer.v = layer.gate = layer.up = {};
    }
    if (arch_.position == PositionKind::learned) {
      expect_shape(weights_.positions, {arch_.context, arch_.D}, "positions");
    } else {
      RopeTables rope = make_rope_tables(arch_, device());
      rope_cos_ = std::move(rope.cos);
      rope_sin_ = std::move(rope.sin);
    }
  });
}

Decoder::Decoder(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Decoder::Layer Decoder::join_layer(const LayerWeights& weights) const {
  Layer layer{{weights.q, weights.k, weights.v}, {}, {}};
  if (arch_.gated_mlp) layer.up.push_back(weights.gate);
  layer.up.push_back(weights.up);
  if (arch_.qk_norm) {
    layer.qk_norm = at::cat({weights.q_norm.weight.expand({own_.H, arch_.head_dim}),
                             weights.k_norm.weight.expand({own_.kv_heads, arch_.head_dim})});
  }
  if (device().is_cpu()) return layer;
  layer.qkv = {join(layer.qkv)};
  layer.up = {join(layer.up)};
  return layer;
}

const cpu::PackedDecoder& Decoder::packed() const {
  ensure(device().is_cpu(), "weights are packed for the CPU only");
  std::call_once(packing_->once, [&] {
    guard_torch("packing the weights", [&] {
      const c10::NoGradGuard no_grad;
      packing_->decoder = std::make_unique<cpu::PackedDecoder>(own_, weights_, RopeTables{rope_cos_, rope_sin_});
    });
  });
  return *packing_->decoder;
}

at::Tensor Decoder::embed(const at::Tensor& tokens, const BatchRows& rows) const {
  check_rows(rows, tokens.size(0), tokens.size(1));
  check_tokens(tokens, arch_.V);
  check_positions(rows, arch_.context);
  return guard_torch("embedding tokens", [&] {
    const at::Tensor x = embed_tokens(to_device(tokens, device())).to(dtype());
    if (!weights_.positions.defined()) return x;
    const at::Tensor positions = to_device(column_positions(rows, tokens.size(1), arch_.context), device());
    return x.add(at::embedding(weights_.positions, positions));
  });
}

at::Tensor Decoder::embed_tokens(const at::Tensor& tokens) const {
  if (!group_) return at::embedding(weights_.embedding, tokens);
  const Piece held = piece_of(arch_.V, arch_.part);
  const at::Tensor row = tokens - held.first;
  const at::Tensor is_held = (row >= 0).logical_and(row < held.count);
  const at::Tensor x = at::embedding(weights_.embedding, row.clamp(0, held.count - 1));
  return sum_over_parts(group_.get(), x.mul(is_held.unsqueeze(-1)));
}

at::Tensor Decoder::attention(LayerIndex l, const at::Tensor& x, const BatchPlan& plan) const {
  const LayerWeights& weights = weights_of(l);
  const std::int64_t heads = own_.H + own_.kv_heads, qk_width = heads * arch_.head_dim;
  if (plan.on_cpu) {
    const cpu::PackedLayer& packed = this->packed().layer(to_int(l));
    const at::Tensor normed = normalize(x, packed.attention_norm, arch_.norm, arch_.norm_eps);
    return apply_packed(attend_packed(own_, packed, normed, plan, l), packed.o);
  }
  const Layer& layer = layers_[static_cast<std::size_t>(to_int(l))];
  const at::Tensor in = normalize(x, weights.attention_norm, arch_.norm, arch_.norm_eps);
  const at::Tensor qkv = apply_linears(enter_parts(group_.get(), in), layer.qkv);
  at::Tensor qk = qkv.narrow(2, 0, qk_width).view({plan.B, plan.T, heads, arch_.head_dim});
  if (layer.qk_norm.defined()) qk = normalize(qk, {layer.qk_norm, {}}, NormKind::rms, arch_.norm_eps);
  if (plan.cos.defined()) qk = rotate(qk, plan.cos, plan.sin);
  const at::Tensor v = qkv.narrow(2, qk_width, own_.kv_heads * arch_.head_dim);
  return apply_linear(attend(own_, qk, v, plan, l), weights.o);
}

at::Tensor Decoder::neurons(LayerIndex l, const at::Tensor& x, const BatchPlan& plan) const {
  if (plan.on_cpu) {
    const cpu::PackedLayer& packed = this->packed().layer(to_int(l));
    return apply_packed(normalize(x, packed.mlp_norm, arch_.norm, arch_.norm_eps), packed.up, arch_.activation);
  }
  const LayerWeights& weights = weights_of(l);
  const at::Tensor in = enter_parts(group_.get(), normalize(x, weights.mlp_norm, arch_.norm, arch_.norm_eps));
  const at::Tensor input = apply_linears(in, layers_[static_cast<std::size_t>(to_int(l))].up);
  return arch_.gated_mlp ? gated_activation(input, arch_.activation) : activate(input, arch_.activation);
}

at::Tensor Decoder::run_layer(LayerIndex l, at::Tensor x, const BatchPlan& plan, ActivationHook* hook) const {
  const BatchRows& rows = *plan.rows;
  at::Tensor out = sum_over_parts(group_.get(), attention(l, x, plan));
  visit(hook, Site::attention_out, l, out, rows);
  x = x.add(out);
  at::Tensor neuron = neurons(l, x, plan);
  visit(hook, Site::neuron, l, neuron, rows);
  out = plan.on_cpu ? apply_packed(neuron, packed().layer(to_int(l)).down) : apply_linear(neuron, weights_of(l).down);
  out = sum_over_parts(group_.get(), out);
  visit(hook, Site::mlp_out, l, out, rows);
  x = x.add(out);
  visit(hook, Site::residual, l, x, rows);
  return x;
}

at::Tensor Decoder::run_layers(at::Tensor x, LayerIndex first, LayerIndex last, const BatchRows& rows,
                               ActivationHook* hook, KvCache* cache) const {
  ensure(0 <= to_int(first) && first <= last && to_int(last) <= arch_.L, "run_layers outside the decoder's layers");
  return guard_torch("running the decoder", [&] {
    const BatchPlan plan = plan_batch(own_, x, rows, {rope_cos_, rope_sin_}, cache);
    for (auto l = to_int(first); l < to_int(last); ++l) x = run_layer(LayerIndex(l), std::move(x), plan, hook);
    return x;
  });
}

at::Tensor Decoder::head(const at::Tensor& x) const {
  return guard_torch("computing logits", [&] { return join_pieces(group_.get(), own_logits(x), arch_.V); });
}

at::Tensor Decoder::own_logits(const at::Tensor& x) const {
  if (runs_cpu_kernels(x)) {
    return apply_packed(normalize(x, packed().final_norm(), arch_.norm, arch_.norm_eps), packed().head());
  }
  const at::Tensor in = enter_parts(group_.get(), normalize(x, weights_.final_norm, arch_.norm, arch_.norm_eps));
  return apply_linear(in, weights_.head).to(at::kFloat);
}

at::Tensor Decoder::forward(const at::Tensor& tokens, const BatchRows& rows, ActivationHook* hook,
                            KvCache* cache) const {
  const auto all = static_cast<LayerIndex>(arch_.L);
  return head(run_layers(embed(tokens, rows), LayerIndex{0}, all, rows, hook, cache));
}

at::Tensor Decoder::down_column(NeuronId id) const {
  const auto layer = static_cast<std::size_t>(to_int(id.layer));
  return weights_.layers.at(layer).down.weight.select(1, to_int(id.neuron) - neurons_of(arch_).first);
}

Decoder load_decoder(const std::string& dir, const WeightOptions& options, std::shared_ptr<ModelGroup> group) {
  ArchSpec arch = read_arch(dir);
  if (group) arch.part = group->part();
  Weights weights = read_weights(dir, arch, options);
  return Decoder(std::move(arch), std::move(weights), std::move(group));
}

}  // namespace neurosweep
