#include "framework/model/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "framework/model/batch.hpp"
#include "framework/model/transfer.hpp"

namespace neurosweep {
namespace {

bool starts_at_zero(const BatchRows& rows) {
  return std::all_of(rows.first_position.begin(), rows.first_position.end(), [](auto p) { return p == 0; });
}

std::int64_t longest_row(const BatchRows& rows) {
  std::int64_t longest = 1;
  for (std::size_t row = 0; row < rows.n_tokens.size(); ++row) {
    longest = std::max(longest, rows.first_position[row] + rows.n_tokens[row]);
  }
  return longest;
}

void plan_rope(BatchPlan& plan, const RopeTables& rope, std::int64_t context) {
  if (!rope.cos.defined()) return;
  if (starts_at_zero(*plan.rows)) {
    plan.cos = rope.cos.narrow(0, 0, plan.T).view({1, plan.T, 1, -1});
    plan.sin = rope.sin.narrow(0, 0, plan.T).view({1, plan.T, 1, -1});
    return;
  }
  const at::Tensor positions = to_device(column_positions(*plan.rows, plan.T, context).flatten(), rope.cos.device());
  plan.cos = rope.cos.index_select(0, positions).view({plan.B, plan.T, 1, -1});
  plan.sin = rope.sin.index_select(0, positions).view({plan.B, plan.T, 1, -1});
}

void plan_cache_writes(BatchPlan& plan, at::Device device) {
  std::vector<std::int64_t> real, row, position;
  for (std::int64_t b = 0; b < plan.B; ++b) {
    const auto index = static_cast<std::size_t>(b);
    for (std::int64_t t = 0; t < plan.rows->n_tokens[index]; ++t) {
      real.push_back(b * plan.T + t);
      row.push_back(b);
      position.push_back(plan.rows->first_position[index] + t);
    }
  }
  plan.real = to_device(at::tensor(real, at::kLong), device);
  plan.cache_row = to_device(at::tensor(row, at::kLong), device);
  plan.cache_position = to_device(at::tensor(position, at::kLong), device);
}

/// 0 where key s may be seen from position p, s <= p, else -inf; repeated for the G folded query heads.
at::Tensor causal_mask(const at::Tensor& positions, std::int64_t S, std::int64_t G, at::ScalarType dtype) {
  const at::Tensor keys = at::arange(S, positions.options());
  const at::Tensor hidden = keys > positions.unsqueeze(-1);
  const at::Tensor mask = at::zeros(hidden.sizes(), positions.options().dtype(dtype))
                              .masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  return (G == 1 ? mask : mask.repeat({1, G, 1})).unsqueeze(1);
}

void plan_mask(BatchPlan& plan, const ArchSpec& arch, const at::Tensor& x) {
  const std::int64_t G = arch.H / arch.kv_heads;
  if (plan.reads_cache) {
    plan.S = longest_row(*plan.rows);
    const at::Tensor positions = to_device(column_positions(*plan.rows, plan.T, arch.context), x.device());
    plan.mask = causal_mask(positions, plan.S, G, x.scalar_type());
  } else if (G > 1) {
    const at::Tensor positions = at::arange(plan.T, x.options().dtype(at::kLong)).unsqueeze(0);
    plan.mask = causal_mask(positions, plan.T, G, x.scalar_type());
  }
}

/// Queries beside keys beside values, [B T, (H + 2 kv_heads) head_dim].
at::Tensor project(const ArchSpec& arch, const cpu::PackedLayer& weights, const at::Tensor& normed,
                   const BatchPlan& plan) {
  const std::int64_t tokens = plan.B * plan.T, q_width = weights.q.width(), width = q_width + weights.kv.width();
  const at::Tensor room = at::empty({tokens * width + cpu::kKeyBlock}, normed.options());  // values: read in blocks
  at::Tensor qkv = room.narrow(0, 0, tokens * width).view({tokens, width});
  const at::Tensor in = normed.contiguous();
  const auto* x = in.const_data_ptr<float>();
  auto* out = qkv.mutable_data_ptr<float>();
  const int threads = at::get_num_threads();
  cpu::multiply({x, arch.D, tokens, weights.q, out, width}, threads);
  cpu::multiply({x, arch.D, tokens, weights.kv, out + q_width, width}, threads);
  return qkv;
}

/// One row of a batch and one key head with the queries that share it: a unit that one thread runs.
struct HeadGroup {
  const ArchSpec& arch;
  const cpu::PackedLayer& weights;
  const BatchPlan& plan;
  LayerIndex layer;
  std::int64_t b, g;
  float* qkv;  ///< of the row, row stride `stride`
  std::int64_t stride;

  std::int64_t tokens() const { return plan.rows->n_tokens[static_cast<std::size_t>(b)]; }
  std::int64_t first() const { return plan.rows->first_position[static_cast<std::size_t>(b)]; }
  std::int64_t group() const { return arch.H / arch.kv_heads; }
  float* queries() const { return qkv + g * group() * arch.head_dim; }
  float* keys() const { return qkv + (arch.H + g) * arch.head_dim; }
  float* values() const { return keys() + arch.kv_heads * arch.head_dim; }

  /// Normalises and rotates queries and keys.
  void prepare() const {
    const auto run = [&](float* heads, std::int64_t head, std::int64_t count, const at::Tensor& norm) {
      const float* norm_weight = norm.defined() ? norm.const_data_ptr<float>() + head * arch.head_dim : nullptr;
      cpu::prepare_heads({{heads, stride, tokens()},
                          count,
                          arch.head_dim,
                          norm_weight,
                          static_cast<float>(arch.norm_eps),
                          plan.cos_table,
                          plan.sin_table,
                          plan.positions.data() + b * plan.T});
    };
    run(queries(), g * group(), group(), weights.q_norm);
    run(keys(), g, 1, weights.k_norm);
  }

  void fill_cache() const {
    const at::Tensor &to_keys = plan.cache->keys(layer), &to_values = plan.cache->values(layer);
    const std::int64_t width = arch.head_dim, capacity = to_keys.size(3), head = b * arch.kv_heads + g;
    cpu::transpose_keys(keys(), stride, tokens(), width,
                        to_keys.mutable_data_ptr<float>() + head * width * capacity + first(), capacity);
    float* to = to_values.mutable_data_ptr<float>() + (head * capacity + first()) * width;
    for (std::int64_t t = 0; t < tokens(); ++t) std::copy_n(values() + t * stride, width, to + t * width);
  }

  /// Keys and values that the queries may see: the cache's, or the batch's own.
  cpu::KeySegment seen(cpu::AttentionScratch& scratch) const {
    const std::int64_t width = arch.head_dim;
    if (plan.cache != nullptr) {
      const at::Tensor &keys = plan.cache->keys(layer), &values = plan.cache->values(layer);
      return {keys.const_data_ptr<float>() + b * keys.stride(0) + g * keys.stride(1), keys.stride(2),
              values.const_data_ptr<float>() + b * values.stride(0) + g * values.stride(1), width, first() + tokens()};
    }
    const std::int64_t keys_stride = cpu::round_to_key_block(tokens());
    float* transposed = scratch.keys.reserve(width * keys_stride);
    cpu::transpose_keys(keys(), stride, tokens(), width, transposed, keys_stride);
    return {transposed, keys_stride, values(), stride, tokens()};
  }

  /// Attention into `out`, the row's [T, H head_dim]; queries of one token go together, as do those of one head.
  void attend(float* out, cpu::AttentionScratch& scratch) const {
    const std::int64_t width = arch.head_dim, before = plan.cache != nullptr ? first() : 0;
    const cpu::KeySegment own = seen(scratch);
    float* to = out + g * group() * width;
    if (tokens() == 1) return cpu::attend({width, group(), queries(), width, {}, own, before, 0, to, width}, scratch);
    for (std::int64_t head = 0; head < group(); ++head) {
      cpu::attend(
          {width, tokens(), queries() + head * width, stride, {}, own, before, 1, to + head * width, arch.H * width},
          scratch);
    }
  }
};

/// [B, T, H, head_dim] to [B, kv_heads, G T, head_dim]: the G queries of one key head stand one after the other, so
/// that keys need not be repeated.
at::Tensor fold_queries(const at::Tensor& q, std::int64_t kv_heads) {
  const auto B = q.size(0), T = q.size(1), G = q.size(2) / kv_heads;
  return q.view({B, T, kv_heads, G, q.size(3)}).permute({0, 2, 3, 1, 4}).reshape({B, kv_heads, G * T, q.size(3)});
}

at::Tensor unfold_queries(const at::Tensor& folded, std::int64_t T, std::int64_t H) {
  const auto B = folded.size(0), kv_heads = folded.size(1), G = H / kv_heads;
  return folded.view({B, kv_heads, G, T, folded.size(3)}).permute({0, 3, 1, 2, 4}).reshape({B, T, H * folded.size(3)});
}

void write_cache(const ArchSpec& arch, const BatchPlan& plan, const at::Tensor& k, const at::Tensor& v,
                 LayerIndex layer) {
  const std::vector<std::int64_t> shape = {plan.B * plan.T, arch.kv_heads, arch.head_dim};
  const c10::List<std::optional<at::Tensor>> index({plan.cache_row, plan.cache_position});
  plan.cache->keys(layer).permute({0, 3, 1, 2}).index_put_(index, k.reshape(shape).index_select(0, plan.real));
  plan.cache->values(layer).transpose(1, 2).index_put_(index, v.reshape(shape).index_select(0, plan.real));
}

/// Attention of folded queries to the cache's rows.
at::Tensor attend_to_cache(const at::Tensor& q, const BatchPlan& plan, LayerIndex layer) {
  const at::Tensor keys = plan.cache->keys(layer).narrow(0, 0, plan.B).narrow(3, 0, plan.S);
  const at::Tensor values = plan.cache->values(layer).narrow(0, 0, plan.B).narrow(2, 0, plan.S);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor scores = at::matmul(q * scale, keys) + plan.mask;
  return at::matmul(at::softmax(scores, -1, at::kFloat).to(q.scalar_type()), values);
}

at::Tensor attend_to_batch(const ArchSpec& arch, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const BatchPlan& plan) {
  const at::Tensor values = v.view({plan.B, plan.T, arch.kv_heads, arch.head_dim}).transpose(1, 2);
  const auto mask = plan.mask.defined() ? std::optional<at::Tensor>(plan.mask) : std::nullopt;
  return at::scaled_dot_product_attention(q, k.transpose(1, 2), values, mask, /*dropout_p=*/0.0,
                                          /*is_causal=*/!mask.has_value());
}

}  // namespace

BatchPlan plan_batch(const ArchSpec& arch, const at::Tensor& x, const BatchRows& rows, const RopeTables& rope,
                     KvCache* cache) {
  BatchPlan plan;
  plan.B = x.size(0);
  plan.T = plan.S = x.size(1);
  plan.rows = &rows;
  plan.cache = cache;
  check_rows(rows, plan.B, plan.T);
  if (cache != nullptr) {
    cache->extend(rows);
    plan.reads_cache = !starts_at_zero(rows);
  }
  plan.on_cpu = runs_cpu_kernels(x);
  if (plan.on_cpu) {
    const at::Tensor positions = column_positions(rows, plan.T, arch.context);
    const auto* first = positions.const_data_ptr<std::int64_t>();
    plan.positions.assign(first, first + positions.numel());
    if (rope.cos.defined()) {
      plan.cos_table = rope.cos.const_data_ptr<float>();
      plan.sin_table = rope.sin.const_data_ptr<float>();
    }
    return plan;
  }
  plan_rope(plan, rope, arch.context);
  if (cache != nullptr) plan_cache_writes(plan, x.device());
  plan_mask(plan, arch, x);
  return plan;
}

at::Tensor attend_packed(const ArchSpec& arch, const cpu::PackedLayer& weights, const at::Tensor& normed,
                         const BatchPlan& plan, LayerIndex layer) {
  constexpr std::int64_t kParallelWork = 1 << 18;  // multiplications that are worth a second thread
  const at::Tensor qkv = project(arch, weights, normed, plan);
  const std::int64_t q_width = arch.H * arch.head_dim, stride = qkv.size(1);
  at::Tensor out = is_full(*plan.rows, plan.T) ? at::empty({plan.B, plan.T, q_width}, qkv.options())
                                               : at::zeros({plan.B, plan.T, q_width}, qkv.options());
  auto* from = qkv.mutable_data_ptr<float>();
  auto* to = out.mutable_data_ptr<float>();
  const std::int64_t keys = plan.cache != nullptr ? longest_row(*plan.rows) : plan.T;
  const bool is_large = plan.B * plan.T * q_width * keys > kParallelWork;
  cpu::for_each_unit(plan.B * arch.kv_heads, is_large ? at::get_num_threads() : 1,
                     [&](std::int64_t unit, cpu::AttentionScratch& scratch) {
                       const std::int64_t b = unit / arch.kv_heads, g = unit % arch.kv_heads;
                       const HeadGroup group{arch, weights, plan, layer, b, g, from + b * plan.T * stride, stride};
                       if (group.tokens() == 0) return;
                       group.prepare();
                       if (plan.cache != nullptr) group.fill_cache();
                       group.attend(to + b * plan.T * q_width, scratch);
                     });
  return out;
}

at::Tensor attend(const ArchSpec& arch, const at::Tensor& qk, const at::Tensor& v, const BatchPlan& plan,
                  LayerIndex layer) {
  const at::Tensor q = fold_queries(qk.narrow(2, 0, arch.H), arch.kv_heads);
  const at::Tensor k = qk.narrow(2, arch.H, arch.kv_heads);
  if (plan.cache != nullptr) write_cache(arch, plan, k, v, layer);
  return unfold_queries(plan.reads_cache ? attend_to_cache(q, plan, layer) : attend_to_batch(arch, q, k, v, plan),
                        plan.T, arch.H);
}

}  // namespace neurosweep
