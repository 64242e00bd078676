#pragma once

#include <string>
#include <vector>

#include <c10/core/Device.h>

namespace neurosweep {

/// Makes libtorch compute the same bits each time on this kind of device, and sum 16-bit products in f32. Before the
/// first work on a GPU; the CPU's own kernels need nothing.
void make_reproducible(c10::Device device);

/// A device with what decides on the last bits of its results: "cpu with AVX-512", "cuda:0".
std::string device_text(c10::Device device);

/// One line in the log where the ranks' devices, as device_text(), are of several kinds.
void warn_of_mixed_devices(const std::vector<std::string>& devices);

}  // namespace neurosweep
