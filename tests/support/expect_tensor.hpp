#pragma once

#include <ATen/core/Tensor.h>

#include "tests/support/reference_ops.hpp"

namespace neurosweep::testing {

/// Expects equal shapes and no element further apart than `tolerance`.
void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance);

/// Expects equal shapes, types and bits (NaN equals NaN, +0 differs from -0).
void expect_same_bits(const at::Tensor& actual, const at::Tensor& expected);

/// Rows as a tensor.
///   returns  [rows, width] f32
at::Tensor tensor_of(const Rows& rows);

}  // namespace neurosweep::testing
