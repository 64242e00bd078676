#include "framework/model/transfer.hpp"

#include <ATen/ATen.h>

#include "framework/model/memory_map.hpp"

namespace neurosweep {

namespace {

template <class Number>
std::vector<Number> to_numbers(const at::Tensor& x, at::ScalarType type) {
  const at::Tensor dense = x.detach().to(at::kCPU, type).contiguous();
  const auto* const data = dense.const_data_ptr<Number>();
  return {data, data + dense.numel()};
}

}  // namespace

at::Tensor to_device(const at::Tensor& host, at::Device device) {
  if (device.is_cuda() && host.is_cpu()) return host.pin_memory().to(device, /*non_blocking=*/true);
  return host.to(device);
}

at::Tensor load_weight(const at::Tensor& in_file, at::Device device, at::ScalarType dtype) {
  if (device == in_file.device()) {
    const at::Tensor here = in_file.to(dtype);
    return here.stride(-1) == 1 ? here : here.contiguous();
  }
  const at::Tensor there = in_file.to(device).to(dtype).contiguous();
  release_pages(in_file);
  return there;
}

std::vector<float> to_floats(const at::Tensor& x) {
  return to_numbers<float>(x, at::kFloat);
}

std::vector<double> to_doubles(const at::Tensor& x) {
  return to_numbers<double>(x, at::kDouble);
}

}  // namespace neurosweep
