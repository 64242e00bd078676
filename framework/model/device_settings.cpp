#include "framework/model/device_settings.hpp"

#include <algorithm>
#include <cstdlib>

#include <ATen/Context.h>

#include "framework/base/log.hpp"
#include "framework/model/cpu/simd.hpp"

namespace neurosweep {

void make_reproducible(c10::Device device) {
  if (device.is_cpu()) return;
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);  // cuBLAS reads it when it starts
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(true, /*warn_only=*/true);
  context.setDeterministicFillUninitializedMemory(false);
  context.setFloat32MatmulPrecision("highest");
  context.setAllowFP16ReductionCuBLAS(/*allow_reduced_precision=*/false);
  context.setAllowBF16ReductionCuBLAS(/*allow_reduced_precision=*/false);
}

std::string device_text(c10::Device device) {
  if (!device.is_cpu()) return device.str();
  switch (cpu::instruction_set()) {
    case cpu::InstructionSet::v4:
      return "cpu with AVX-512";
    case cpu::InstructionSet::v3:
      return "cpu with AVX2";
    case cpu::InstructionSet::plain:
      return "cpu";
  }
  return "cpu";
}

void warn_of_mixed_devices(const std::vector<std::string>& devices) {
  const auto kind = [](const std::string& device) { return device.substr(0, device.find(':')); };
  const auto other = std::find_if(devices.begin(), devices.end(),
                                  [&](const std::string& device) { return kind(device) != kind(devices[0]); });
  if (other == devices.end()) return;
  log_warning("ranks compute on {} and on {}: their results agree within rounding, not bit for bit", devices[0],
              *other);
}

}  // namespace neurosweep
