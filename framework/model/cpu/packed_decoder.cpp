#include "framework/model/cpu/packed_decoder.hpp"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>

#include "framework/model/memory_map.hpp"

namespace neurosweep::cpu {

namespace {

/// Weights of linear maps with one input, stacked, and packed.
PackedWeight pack(const std::vector<Linear>& parts, PanelOrder order = PanelOrder::plain) {
  std::vector<at::Tensor> weights, biases;
  std::vector<std::pair<std::size_t, std::int64_t>> rows;  // part and row of every output
  bool any_bias = false;
  const bool is_bf16 = parts[0].weight.scalar_type() == at::kBFloat16;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    weights.push_back(parts[p].weight.to(is_bf16 ? at::kBFloat16 : at::kFloat).contiguous());
    any_bias = any_bias || parts[p].bias.defined();
    for (std::int64_t o = 0; o < parts[p].weight.size(0); ++o) rows.emplace_back(p, o);
  }
  for (const Linear& part : parts) {
    biases.push_back(part.bias.defined() ? part.bias.to(at::kFloat).contiguous()
                                         : at::zeros({part.weight.size(0)}, at::kFloat));
  }
  const auto out = static_cast<std::int64_t>(rows.size());
  const std::int64_t in = parts[0].weight.size(1);
  const auto row_of = [&](std::int64_t o) {
    const auto& [part, row] = rows[static_cast<std::size_t>(o)];
    return static_cast<const char*>(weights[part].const_data_ptr()) +
           row * in * static_cast<std::int64_t>(weights[part].element_size());
  };
  PackedWeight::RowOf<float> bias;
  if (any_bias) {
    bias = [&](std::int64_t o) {
      const auto& [part, row] = rows[static_cast<std::size_t>(o)];
      return biases[part].const_data_ptr<float>() + row;
    };
  }
  if (is_bf16) {
    const PackedWeight::RowOf<Bfloat16> row = [&](auto o) { return reinterpret_cast<const Bfloat16*>(row_of(o)); };
    return {out, in, row, bias, order};
  }
  const PackedWeight::RowOf<float> row = [&](auto o) { return reinterpret_cast<const float*>(row_of(o)); };
  return {out, in, row, bias, order};
}

at::Tensor as_floats(const at::Tensor& x) {
  return x.defined() ? x.to(at::kFloat).contiguous() : x;
}

Norm as_floats(const Norm& norm) {
  return {as_floats(norm.weight), as_floats(norm.bias)};
}

at::Tensor per_head(const Norm& norm, std::int64_t heads, std::int64_t head_dim) {
  return norm.weight.defined() ? as_floats(norm.weight).expand({heads, head_dim}).contiguous() : at::Tensor();
}

PackedLayer pack_layer(const ArchSpec& arch, const LayerWeights& weights) {
  PackedLayer layer{as_floats(weights.attention_norm),
                    as_floats(weights.mlp_norm),
                    pack({weights.q}),
                    pack({weights.k, weights.v}),
                    pack({weights.o}),
                    arch.gated_mlp ? pack({weights.gate, weights.up}, PanelOrder::gated) : pack({weights.up}),
                    pack({weights.down}),
                    per_head(weights.q_norm, arch.H, arch.head_dim),
                    per_head(weights.k_norm, arch.kv_heads, arch.head_dim)};
  for (const Linear* part :
       {&weights.q, &weights.k, &weights.v, &weights.o, &weights.gate, &weights.up, &weights.down}) {
    release_pages(part->weight);
  }
  return layer;
}

const float* data_or_null(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr<float>() : nullptr;
}

/// Moves the last tokens of every row to the front.
void keep_tail(const RaggedBatch& batch, const RaggedBatch& tail, float* x, std::int64_t stride, std::int64_t width) {
  for (std::size_t b = 0; b < batch.rows.size(); ++b) {
    const auto& [first, n, offset] = batch.rows[b];
    const auto& kept = tail.rows[b];
    for (std::int64_t t = 0; t < kept.n; ++t) {
      std::memmove(x + (kept.offset + t) * stride, x + (offset + n - kept.n + t) * stride,
                   static_cast<std::size_t>(width) * sizeof(float));
    }
  }
}

}  // namespace

RaggedBatch RaggedBatch::from(std::int64_t position) const {
  RaggedBatch tail;
  for (const Row& row : rows) {
    const std::int64_t first = std::clamp(position, row.first, row.first + row.n);
    tail.add(first, row.first + row.n - first);
  }
  return tail;
}

PackedDecoder::PackedDecoder(const ArchSpec& arch, const Weights& weights, const RopeTables& rope)
    : arch_(arch),
      final_norm_(as_floats(weights.final_norm)),
      head_(pack({weights.head})),
      cos_(rope.cos),
      sin_(rope.sin) {
  for (const LayerWeights& layer : weights.layers) layers_.push_back(pack_layer(arch, layer));
}

std::int64_t PackedDecoder::bytes() const {
  std::int64_t total = head_.bytes();
  for (const PackedLayer& layer : layers_) {
    for (const PackedWeight* weight : {&layer.q, &layer.kv, &layer.o, &layer.up, &layer.down}) total += weight->bytes();
  }
  return total;
}

std::int64_t PackedDecoder::bytes_per_token() const {
  const std::int64_t heads_width = arch_.H * arch_.head_dim;
  return static_cast<std::int64_t>(sizeof(float)) * (2 * padded(arch_.D) + 2 * padded(heads_width) +
                                                     padded(2 * arch_.kv_heads * arch_.head_dim) + padded(arch_.M));
}

void PackedDecoder::normalize(const Norm& norm, const Rows& x, const Rows& out) const {
  const auto eps = static_cast<float>(arch_.norm_eps);
  if (arch_.norm == NormKind::rms) return rms_norm(x, norm.weight.const_data_ptr<float>(), arch_.D, eps, out);
  layer_norm(x, norm.weight.const_data_ptr<float>(), norm.bias.const_data_ptr<float>(), arch_.D, eps, out);
}

const std::int64_t* PackedDecoder::positions_of(const RaggedBatch& batch, Workspace& work) const {
  work.positions.clear();
  for (const auto& row : batch.rows) {
    for (std::int64_t t = 0; t < row.n; ++t) work.positions.push_back(row.first + t);
  }
  return work.positions.data();
}

void PackedDecoder::run_layer(std::int64_t l, const RaggedBatch& batch, const LayerPrefix* prefix,
                              const RaggedBatch* tail, LayerProbe* probe, Workspace& work, float* x) const {
  const PackedLayer& weights = layer(l);
  const auto eps = static_cast<float>(arch_.norm_eps);
  const std::int64_t D = arch_.D, D_stride = row_stride(), heads_width = arch_.H * arch_.head_dim;
  const std::int64_t kv_stride = padded(2 * arch_.kv_heads * arch_.head_dim), q_stride = padded(heads_width);
  float* normed = work.normed.reserve(batch.tokens * D_stride);
  float* kv = work.kv.reserve(batch.tokens * kv_stride);
  normalize(weights.attention_norm, {x, D_stride, batch.tokens}, {normed, D_stride, batch.tokens});
  multiply({normed, D_stride, batch.tokens, weights.kv, kv, kv_stride}, 1);
  prepare_heads({{kv, kv_stride, batch.tokens},
                 arch_.kv_heads,
                 arch_.head_dim,
                 data_or_null(weights.k_norm),
                 eps,
                 data_or_null(cos_),
                 data_or_null(sin_),
                 positions_of(batch, work)});
  if (probe != nullptr) probe->keys_values(batch, kv, kv_stride);
  if (tail != nullptr) {
    keep_tail(batch, *tail, x, D_stride, D);
    keep_tail(batch, *tail, normed, D_stride, D);
  }
  const RaggedBatch& queries = tail != nullptr ? *tail : batch;
  const std::int64_t n = queries.tokens;
  float* q = work.q.reserve(n * q_stride);
  multiply({normed, D_stride, n, weights.q, q, q_stride}, 1);
  prepare_heads({{q, q_stride, n},
                 arch_.H,
                 arch_.head_dim,
                 data_or_null(weights.q_norm),
                 eps,
                 data_or_null(cos_),
                 data_or_null(sin_),
                 positions_of(queries, work)});
  attend_rows(batch, prefix, queries, work);
  multiply({work.attended.data(), q_stride, n, weights.o, x, D_stride, Finish::add}, 1);
  normalize(weights.mlp_norm, {x, D_stride, n}, {normed, D_stride, n});
  const std::int64_t M_stride = padded(arch_.M);
  float* neurons = work.neurons.reserve(n * M_stride);
  multiply({normed, D_stride, n, weights.up, neurons, M_stride, Finish::activate, arch_.activation}, 1);
  if (probe != nullptr) probe->neurons(queries, neurons, M_stride);
  multiply({neurons, M_stride, n, weights.down, x, D_stride, Finish::add}, 1);
}

void PackedDecoder::attend_rows(const RaggedBatch& batch, const LayerPrefix* prefix, const RaggedBatch& queries,
                                Workspace& work) const {
  const std::int64_t width = arch_.head_dim, kv_width = arch_.kv_heads * width, group = arch_.H / arch_.kv_heads;
  const std::int64_t kv_stride = padded(2 * kv_width), q_stride = padded(arch_.H * width);
  float* out = work.attended.reserve(queries.tokens * q_stride);
  for (std::size_t b = 0; b < batch.rows.size(); ++b) {
    const auto& row = batch.rows[b];
    const auto& query = queries.rows[b];
    if (query.n == 0) continue;
    const std::int64_t keys_stride = round_to_key_block(row.n);
    float* keys = work.attention.keys.reserve(width * keys_stride);
    for (std::int64_t g = 0; g < arch_.kv_heads; ++g) {
      const float* kv = work.kv.data() + row.offset * kv_stride + g * width;
      transpose_keys(kv, kv_stride, row.n, width, keys, keys_stride);
      KeySegment before;
      if (prefix != nullptr) {
        before = {prefix->keys + g * width * prefix->keys_stride, prefix->keys_stride, prefix->values + g * width,
                  prefix->values_stride, row.first};
      }
      for (std::int64_t head = g * group; head < (g + 1) * group; ++head) {
        attend({width,
                query.n,
                work.q.data() + query.offset * q_stride + head * width,
                q_stride,
                before,
                {keys, keys_stride, kv + kv_width, kv_stride, row.n},
                row.n - query.n,
                1,
                out + query.offset * q_stride + head * width,
                q_stride},
               work.attention);
      }
    }
  }
}

void PackedDecoder::run_head(float* x, std::int64_t rows, Workspace& work, float* logits) const {
  const std::int64_t stride = row_stride();
  float* normed = work.normed.reserve(rows * stride);
  normalize(final_norm_, {x, stride, rows}, {normed, stride, rows});
  multiply({normed, stride, rows, head_, logits, arch_.V}, 1);
}

}  // namespace neurosweep::cpu
