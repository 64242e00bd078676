#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/hook.hpp"

namespace neurosweep {

/// Rows of a batch without padding, all from position 0; row b is sequence b.
BatchRows full_rows(std::int64_t B, std::int64_t T, std::int64_t prompt_length);

/// Rows of right-padded sequences, all from position 0; row b is sequence b.
///   lengths, prompt_lengths  [B]
BatchRows padded_rows(const std::vector<std::int64_t>& lengths, const std::vector<std::int64_t>& prompt_lengths);

/// Token sequences of different lengths as one tensor, padded at the right with token 0.
///   returns  [B, T] int64 on the CPU, T = the longest length
at::Tensor padded_tokens(const std::vector<std::vector<std::int64_t>>& sequences);

/// Absolute position of every column of a batch; those of padded columns are clamped into the context.
///   returns  [B, T] int64 on the CPU
at::Tensor column_positions(const BatchRows& rows, std::int64_t T, std::int64_t context);

/// Throws Error{internal} unless every list of `rows` has B entries and every n_tokens is within 0..T.
void check_rows(const BatchRows& rows, std::int64_t B, std::int64_t T);

/// True when no row has a padded column and no row is idle.
bool is_full(const BatchRows& rows, std::int64_t T);

}  // namespace neurosweep
