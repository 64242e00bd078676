#include "framework/model/kv_cache.hpp"

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/model/cpu/attention.hpp"
#include "framework/model/torch_errors.hpp"

namespace neurosweep {

KvCache::KvCache(const ArchSpec& arch, std::int64_t B, std::int64_t max_tokens, at::ScalarType dtype, at::Device device)
    : max_tokens_(max_tokens), lengths_(static_cast<std::size_t>(B), 0) {
  guard_torch("reserving the key/value cache", [&] {
    const auto options = at::device(device).dtype(dtype);
    const std::int64_t capacity = cpu::round_to_key_block(max_tokens);
    for (std::int64_t layer = 0; layer < arch.L; ++layer) {
      const std::int64_t size = B * arch.kv_heads * capacity * arch.head_dim;
      const at::Tensor values = at::zeros({size + cpu::kKeyBlock}, options);  // read in whole blocks
      layers_.push_back({at::zeros({B, arch.kv_heads, arch.head_dim, capacity}, options),
                         values.narrow(0, 0, size).view({B, arch.kv_heads, capacity, arch.head_dim})});
    }
  });
}

void KvCache::copy_row(const KvCache& from, std::int64_t from_row, std::int64_t to) {
  const std::int64_t length = from.length(from_row);
  ensure(from.layers_.size() == layers_.size(), "copying between caches of different models");
  ensure(length <= max_tokens_, "copying a cache row into a shorter cache");
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const auto copy = [&](const at::Tensor& target, const at::Tensor& source, std::int64_t token_dim) {
      target.select(0, to).narrow(token_dim, 0, length).copy_(source.select(0, from_row).narrow(token_dim, 0, length));
    };
    copy(layers_[layer].keys, from.layers_[layer].keys, 2);
    copy(layers_[layer].values, from.layers_[layer].values, 1);
  }
  lengths_.at(static_cast<std::size_t>(to)) = length;
}

void KvCache::extend(const BatchRows& rows) {
  ensure(rows.n_tokens.size() <= lengths_.size(), "a batch has more rows than its key/value cache");
  for (std::size_t row = 0; row < rows.n_tokens.size(); ++row) {
    if (rows.n_tokens[row] == 0) continue;
    const std::int64_t end = rows.first_position[row] + rows.n_tokens[row];
    ensure(end <= max_tokens_, "a batch runs past the end of its key/value cache");
    ensure(rows.first_position[row] <= lengths_[row], "a batch leaves a gap in its key/value cache");
    lengths_[row] = end;
  }
}

}  // namespace neurosweep
