#include "framework/model/attention.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "framework/model/batch.hpp"

namespace neurosweep {
namespace {

at::Tensor index_tensor(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

bool starts_at_zero(const BatchRows& rows) {
  return std::all_of(rows.first_position.begin(), rows.first_position.end(), [](auto p) { return p == 0; });
}

void plan_cache_writes(BatchPlan& plan, const BatchRows& rows, at::Device device) {
  std::vector<std::int64_t> real, target;
  for (std::int64_t b = 0; b < plan.B; ++b) {
    const auto row = static_cast<std::size_t>(b);
    for (std::int64_t t = 0; t < rows.n_tokens[row]; ++t) {
      real.push_back(b * plan.T + t);
      target.push_back(b * plan.cache->max_tokens() + rows.first_position[row] + t);
    }
  }
  if (!is_full(rows, plan.T)) plan.real = index_tensor(real, device);
  plan.cache_index = index_tensor(target, device);
}

std::int64_t longest_row(const BatchRows& rows) {
  std::int64_t longest = 1;
  for (std::size_t row = 0; row < rows.n_tokens.size(); ++row) {
    longest = std::max(longest, rows.first_position[row] + rows.n_tokens[row]);
  }
  return longest;
}

/// 0 where key s may be seen from position p, s <= p, else -inf; repeated for the G folded query heads.
at::Tensor causal_mask(const at::Tensor& positions, std::int64_t S, std::int64_t G, at::ScalarType dtype) {
  const at::Tensor keys = at::arange(S, positions.options());
  const at::Tensor hidden = keys > positions.unsqueeze(-1);
  const at::Tensor mask = at::zeros(hidden.sizes(), positions.options().dtype(dtype))
                              .masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  return (G == 1 ? mask : mask.repeat({1, G, 1})).unsqueeze(1);
}

void write_cache(const BatchPlan& plan, const at::Tensor& k, const at::Tensor& v, LayerIndex layer) {
  const at::Tensor& store = plan.cache->layer(layer);
  at::Tensor kv = at::cat({k.reshape({plan.B * plan.T, -1}), v.reshape({plan.B * plan.T, -1})}, 1);
  if (plan.real.defined()) kv = kv.index_select(0, plan.real);
  store.view({-1, store.size(2)}).index_copy_(0, plan.cache_index, kv);
}

/// One half of a layer's cache as [B, kv_heads, S, head_dim].
at::Tensor read_cache(const ArchSpec& arch, const BatchPlan& plan, LayerIndex layer, std::int64_t half) {
  const at::Tensor& store = plan.cache->layer(layer);
  return store.narrow(0, 0, plan.B)
      .narrow(1, 0, plan.S)
      .view({plan.B, plan.S, 2, arch.kv_heads, arch.head_dim})
      .select(2, half)
      .transpose(1, 2);
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

}  // namespace

BatchPlan plan_batch(const ArchSpec& arch, const at::Tensor& x, const BatchRows& rows, const RopeTables& rope,
                     KvCache* cache) {
  BatchPlan plan;
  plan.B = x.size(0);
  plan.T = plan.S = x.size(1);
  plan.cache = cache;
  check_rows(rows, plan.B, plan.T);
  const at::Tensor positions = column_positions(rows, plan.T, arch.context).to(x.device());
  if (cache != nullptr) {
    cache->extend(rows);
    plan_cache_writes(plan, rows, x.device());
    plan.reads_cache = !starts_at_zero(rows);
  }
  if (plan.reads_cache) plan.S = longest_row(rows);
  if (rope.cos.defined()) {
    plan.cos = rope.cos.index_select(0, positions.flatten()).view({plan.B, plan.T, 1, -1});
    plan.sin = rope.sin.index_select(0, positions.flatten()).view({plan.B, plan.T, 1, -1});
  }
  const std::int64_t G = arch.H / arch.kv_heads;
  if (plan.reads_cache) {
    plan.mask = causal_mask(positions, plan.S, G, x.scalar_type());
  } else if (G > 1) {
    plan.mask = causal_mask(at::arange(plan.T, positions.options()).unsqueeze(0), plan.T, G, x.scalar_type());
  }
  return plan;
}

at::Tensor attend(const ArchSpec& arch, const at::Tensor& qk, const at::Tensor& v, const BatchPlan& plan,
                  LayerIndex layer) {
  const at::Tensor q = fold_queries(qk.narrow(2, 0, arch.H), arch.kv_heads);
  at::Tensor keys = qk.narrow(2, arch.H, arch.kv_heads);
  at::Tensor values = v.view({plan.B, plan.T, arch.kv_heads, arch.head_dim});
  if (plan.cache != nullptr) write_cache(plan, keys, values, layer);
  if (plan.reads_cache) {
    keys = read_cache(arch, plan, layer, 0);
    values = read_cache(arch, plan, layer, 1);
  } else {
    keys = keys.transpose(1, 2);
    values = values.transpose(1, 2);
  }
  const auto mask = plan.mask.defined() ? std::optional<at::Tensor>(plan.mask) : std::nullopt;
  const at::Tensor folded =
      at::scaled_dot_product_attention(q, keys, values, mask, /*dropout_p=*/0.0, /*is_causal=*/!mask.has_value());
  return unfold_queries(folded, plan.T, arch.H);
}

}  // namespace neurosweep
