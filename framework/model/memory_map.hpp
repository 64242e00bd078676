#pragma once

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// Lets the system take the memory behind a tensor that will not be read for a while; its numbers stay as they are.
/// What is mapped from a file costs no memory until it is read again.
void release_pages(const at::Tensor& tensor);

}  // namespace neurosweep
