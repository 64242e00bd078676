#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// A tensor of the host on `device`; itself where that is the host. Onto a GPU it goes through pinned memory, so that
/// the host does not wait for what the GPU has still to do.
at::Tensor to_device(const at::Tensor& host, at::Device device);

/// A weight as it stands in its file, on `device` in another element type, its rows dense; without a copy where it is
/// so already. For another device the host makes no copy: it is sent as it is, converted there, and its mapped pages
/// are given back.
at::Tensor load_weight(const at::Tensor& in_file, at::Device device, at::ScalarType dtype);

/// The numbers of a tensor on any device, in the order of its elements.
std::vector<float> to_floats(const at::Tensor& x);
std::vector<double> to_doubles(const at::Tensor& x);

}  // namespace neurosweep
