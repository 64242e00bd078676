#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/arch.hpp"
#include "framework/model/hook.hpp"

namespace neurosweep {

/// Keys and values of the tokens already seen, for B rows that may stand at different lengths.
/// A forward of a smaller batch uses the first rows of the cache. Writing at a position below a row's length rewinds
/// the row to it, so that a suffix can be run again from any token.
class KvCache {
 public:
  /// Memory: L * B * capacity * 2 * kv_heads * head_dim elements; capacity: max_tokens rounded up to a key block.
  KvCache(const ArchSpec& arch, std::int64_t B, std::int64_t max_tokens, at::ScalarType dtype, at::Device device);

  std::int64_t rows() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t max_tokens() const { return max_tokens_; }
  std::int64_t length(std::int64_t row) const { return lengths_.at(static_cast<std::size_t>(row)); }

  void reset(std::int64_t row) { lengths_.at(static_cast<std::size_t>(row)) = 0; }

  /// Makes row `to` an exact copy of row `from_row` of `from`, which may be this cache.
  void copy_row(const KvCache& from, std::int64_t from_row, std::int64_t to);

  /// Keys of one layer, transposed so that a query meets its keys in a row of memory.
  ///   returns  [rows, kv_heads, head_dim, capacity], shares the cache's storage
  const at::Tensor& keys(LayerIndex layer) const { return layers_.at(static_cast<std::size_t>(to_int(layer))).keys; }

  ///   returns  [rows, kv_heads, capacity, head_dim], shares the cache's storage
  const at::Tensor& values(LayerIndex layer) const {
    return layers_.at(static_cast<std::size_t>(to_int(layer))).values;
  }

  /// Sets the rows' lengths to the end of a batch that is about to be written.
  ///   throws  Error{internal}: more rows or tokens than the cache holds, or a gap between a row's length and the batch
  void extend(const BatchRows& rows);

 private:
  std::int64_t max_tokens_;
  std::vector<std::int64_t> lengths_;
  struct Layer {
    at::Tensor keys, values;
  };
  std::vector<Layer> layers_;
};

}  // namespace neurosweep
