#include "framework/model/batch.hpp"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"

namespace neurosweep {

BatchRows full_rows(std::int64_t B, std::int64_t T, std::int64_t prompt_length) {
  const auto n = static_cast<std::size_t>(B);
  return padded_rows(std::vector<std::int64_t>(n, T), std::vector<std::int64_t>(n, prompt_length));
}

BatchRows padded_rows(const std::vector<std::int64_t>& lengths, const std::vector<std::int64_t>& prompt_lengths) {
  BatchRows rows;
  rows.sequence.resize(lengths.size());
  std::iota(rows.sequence.begin(), rows.sequence.end(), std::int64_t{0});
  rows.first_position.assign(lengths.size(), 0);
  rows.n_tokens = lengths;
  rows.prompt_length = prompt_lengths;
  return rows;
}

at::Tensor padded_tokens(const std::vector<std::vector<std::int64_t>>& sequences) {
  std::size_t T = 0;
  for (const auto& sequence : sequences) T = std::max(T, sequence.size());
  at::Tensor tokens = at::zeros({static_cast<std::int64_t>(sequences.size()), static_cast<std::int64_t>(T)}, at::kLong);
  auto* row = tokens.mutable_data_ptr<std::int64_t>();
  for (const auto& sequence : sequences) {
    std::copy(sequence.begin(), sequence.end(), row);
    row += T;
  }
  return tokens;
}

at::Tensor column_positions(const BatchRows& rows, std::int64_t T, std::int64_t context) {
  at::Tensor positions = at::empty({static_cast<std::int64_t>(rows.first_position.size()), T}, at::kLong);
  auto* out = positions.mutable_data_ptr<std::int64_t>();
  for (const auto first : rows.first_position) {
    for (std::int64_t t = 0; t < T; ++t) *out++ = std::min(first + t, context - 1);
  }
  return positions;
}

void check_rows(const BatchRows& rows, std::int64_t B, std::int64_t T) {
  const auto n = static_cast<std::size_t>(B);
  ensure(rows.sequence.size() == n && rows.first_position.size() == n && rows.n_tokens.size() == n &&
             rows.prompt_length.size() == n,
         "BatchRows does not describe every row of its batch");
  for (const auto n_tokens : rows.n_tokens) {
    ensure(n_tokens >= 0 && n_tokens <= T, "a batch row has more tokens than the batch has columns");
  }
}

bool is_full(const BatchRows& rows, std::int64_t T) {
  return std::all_of(rows.n_tokens.begin(), rows.n_tokens.end(), [T](auto n) { return n == T; });
}

}  // namespace neurosweep
