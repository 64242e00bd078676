#pragma once

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// log p of given next tokens, natural log.
///   logits   [..., S, V] f32, dense, on any device
///   targets  [S] int64 on the same device
///   returns  [..., S] f64 on the CPU
at::Tensor target_logprobs(const at::Tensor& logits, const at::Tensor& targets);

}  // namespace neurosweep
