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

std::string cuda_device_identity(int) {
  throw error(ErrorKind::device, "built without CUDA: configure with NEUROSWEEP_CUDA=ON, or run on the CPU");
}

}  // namespace neurosweep
