#include "cluster/collectives.hpp"
#include "framework/base/error.hpp"

namespace neurosweep {

std::unique_ptr<Collectives> make_nccl_collectives(const Comm&, int) {
  throw error(ErrorKind::device, "built without NCCL: configure with NEUROSWEEP_CUDA=ON, or run on the CPU");
}

int nccl_version() {
  return 0;
}

int cuda_device_count() {
  return 0;
}

namespace {

[[noreturn]] void throw_built_without_cuda() {
  throw error(ErrorKind::device, "built without CUDA: configure with NEUROSWEEP_CUDA=ON, or run on the CPU");
}

}  // namespace

std::string cuda_device_identity(int) {
  throw_built_without_cuda();
}

std::string cuda_device_name(int) {
  throw_built_without_cuda();
}

}  // namespace neurosweep
