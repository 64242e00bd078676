#include "framework/model/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "framework/model/batch.hpp"
#include "framework/model/cpu_kernels.hpp"

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
  const at::Tensor positions = column_positions(*plan.rows, plan.T, context).flatten().to(rope.cos.device());
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
  plan.real = at::tensor(real, at::kLong).to(device);
  plan.cache_row = at::tensor(row, at::kLong).to(device);
  plan.cache_position = at::tensor(position, at::kLong).to(device);
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
    const at::Tensor positions = column_positions(*plan.rows, plan.T, arch.context).to(x.device());
    plan.mask = causal_mask(positions, plan.S, G, x.scalar_type());
  } else if (G > 1) {
    const at::Tensor positions = at::arange(plan.T, x.options().dtype(at::kLong)).unsqueeze(0);
    plan.mask = causal_mask(positions, plan.T, G, x.scalar_type());
  }
}

/// Attention by the CPU kernels, through the plan's cache where it has one.
at::Tensor attend_on_cpu(const ArchSpec& arch, const at::Tensor& qk, const at::Tensor& v, const BatchPlan& plan,
                         LayerIndex layer) {
  const BatchRows& rows = *plan.rows;
  const auto* q = qk.const_data_ptr<float>();
  const auto* k = q + arch.H * arch.head_dim;
  const auto* values = v.const_data_ptr<float>();
  at::Tensor out = at::empty({plan.B, plan.T, arch.H * arch.head_dim}, qk.options());
  cpu::Attention job{.B = plan.B,
                     .T = plan.T,
                     .H = arch.H,
                     .kv_heads = arch.kv_heads,
                     .head_dim = arch.head_dim,
                     .first = rows.first_position.data(),
                     .n_tokens = rows.n_tokens.data(),
                     .q = q,
                     .q_stride = token_stride(qk),
                     .keys = k,
                     .keys_stride = token_stride(qk),
                     .key_layout = cpu::Attention::KeyLayout::by_token,
                     .values = values,
                     .values_row = v.stride(0),
                     .values_head = arch.head_dim,
                     .values_stride = token_stride(v),
                     .out = out.mutable_data_ptr<float>()};
  const std::vector<std::int64_t> from_zero(plan.cache == nullptr ? rows.first_position.size() : 0, 0);
  if (plan.cache == nullptr) {
    job.first = from_zero.data();
  } else {
    const at::Tensor &cached_keys = plan.cache->keys(layer), &cached_values = plan.cache->values(layer);
    cpu::write_cache({plan.B, plan.T, arch.kv_heads, arch.head_dim, cached_keys.size(3), job.first, job.n_tokens, k,
                      token_stride(qk), values, token_stride(v), cached_keys.mutable_data_ptr<float>(),
                      cached_values.mutable_data_ptr<float>()});
    job.keys = cached_keys.const_data_ptr<float>();
    job.keys_stride = cached_keys.stride(2);
    job.key_layout = cpu::Attention::KeyLayout::transposed;
    job.values = cached_values.const_data_ptr<float>();
    job.values_row = cached_values.stride(0);
    job.values_head = cached_values.stride(1);
    job.values_stride = cached_values.stride(2);
  }
  cpu::attend(job, at::get_num_threads());
  return out;
}

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
  plan_rope(plan, rope, arch.context);
  if (runs_cpu_kernels(x)) return plan;
  if (cache != nullptr) plan_cache_writes(plan, x.device());
  plan_mask(plan, arch, x);
  return plan;
}

at::Tensor attend(const ArchSpec& arch, const at::Tensor& qk, const at::Tensor& v, const BatchPlan& plan,
                  LayerIndex layer) {
  if (runs_cpu_kernels(qk)) return attend_on_cpu(arch, qk, v, plan, layer);
  const at::Tensor q = fold_queries(qk.narrow(2, 0, arch.H), arch.kv_heads);
  const at::Tensor k = qk.narrow(2, arch.H, arch.kv_heads);
  if (plan.cache != nullptr) write_cache(arch, plan, k, v, layer);
  return unfold_queries(plan.reads_cache ? attend_to_cache(q, plan, layer) : attend_to_batch(arch, q, k, v, plan),
                        plan.T, arch.H);
}

}  // namespace neurosweep
