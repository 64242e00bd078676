#pragma once

#include <string>
#include <vector>

#include <c10/core/Device.h>

namespace neurosweep {

/// Makes libtorch compute the same bits each time on this kind of device, and sum 16-bit products in f32. Before the
/// first work on a GPU; the CPU's own kernels need nothing.
void make_reproducible(c10::Device device);

/// A device with what decides on the last bits of its results: "cpu with AVX-512", "cuda:0 NVIDIA H100 80GB HBM3".
///   name  of a GPU, as its driver gives it
std::string device_text(c10::Device device, const std::string& name = "");

/// One line in the log where the ranks' devices, as device_text(), are of several kinds.
void warn_of_mixed_devices(const std::vector<std::string>& devices);

/// Refuses devices, as device_text(), of several kinds to jobs that work on one store at the same time: they measure
/// some units twice, and these must agree to the last bit.
///   before  of the ranks that worked on the store until now
///   throws  Error{store}
void need_one_kind_of_device(const std::vector<std::string>& before, const std::vector<std::string>& devices);

}  // namespace neurosweep
