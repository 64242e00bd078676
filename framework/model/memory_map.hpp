#pragma once

#include <cstddef>

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// Lets the system take the memory behind a tensor that will not be read for a while; its numbers stay as they are.
/// What is mapped from a file costs no memory until it is read again.
void release_pages(const at::Tensor& tensor);

/// Takes what is mapped from a file, and was never written to, out of memory at once: it is read again when needed.
void forget_pages(const void* data, std::size_t bytes);

}  // namespace neurosweep
