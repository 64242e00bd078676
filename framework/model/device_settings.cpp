#include "framework/model/device_settings.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include <ATen/Context.h>

#include "framework/base/error.hpp"
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

std::string device_text(c10::Device device, const std::string& name) {
  if (!device.is_cpu()) return name.empty() ? device.str() : fmt::format("{} {}", device.str(), name);
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

namespace {

/// A device's text without its number: "cuda NVIDIA H100 80GB HBM3".
std::string kind_of(const std::string& device) {
  const auto colon = device.find(':');
  if (colon == std::string::npos) return device;
  const auto end = device.find_first_not_of("0123456789", colon + 1);
  return device.substr(0, colon) + (end == std::string::npos ? "" : device.substr(end));
}

/// The first device of another kind than `kind`; none when all are of it.
std::optional<std::string> other_kind(const std::vector<std::string>& devices, const std::string& kind) {
  const auto other = std::ranges::find_if(devices, [&](const auto& device) { return kind_of(device) != kind; });
  return other == devices.end() ? std::nullopt : std::optional(*other);
}

}  // namespace

void warn_of_mixed_devices(const std::vector<std::string>& devices) {
  const auto other = other_kind(devices, kind_of(devices[0]));
  if (!other) return;
  log_warning("ranks compute on {} and on {}: their results agree within rounding, not bit for bit", devices[0],
              *other);
}

void need_one_kind_of_device(const std::vector<std::string>& before, const std::vector<std::string>& devices) {
  std::vector<std::string> all = before;
  all.insert(all.end(), devices.begin(), devices.end());
  const auto other = other_kind(all, kind_of(all.at(0)));
  if (!other) return;
  throw error(ErrorKind::store,
              "jobs at once on one store need devices of one kind (units that two of them measure must agree to the "
              "last bit), but it was begun on {}, and this job has {}: name one kind of node by "
              "--sbatch=--constraint=..., or run without --share",
              all[0], *other);
}

}  // namespace neurosweep
