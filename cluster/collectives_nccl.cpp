#include <cuda_runtime_api.h>
#include <nccl.h>

#include <exception>
#include <string>

#include "cluster/collectives.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"

namespace neurosweep {

namespace {

void check_cuda(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  throw error(ErrorKind::device, "{} failed ({}): see nvidia-smi for the device and its driver", call,
              cudaGetErrorString(code));
}

void check_nccl(ncclResult_t code, const char* call) {
  if (code == ncclSuccess) return;
  throw error(ErrorKind::device, "{} failed ({}): {}; NCCL_DEBUG=WARN in the environment tells more", call,
              ncclGetErrorString(code), ncclGetLastError(nullptr));
}

ncclUniqueId share_unique_id(const Comm& comm) {
  ncclUniqueId id = {};
  if (comm.rank() == 0) check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
  std::string bytes(id.internal, sizeof id.internal);
  comm.broadcast(bytes);
  bytes.copy(id.internal, sizeof id.internal);
  return id;
}

class NcclCollectives final : public Collectives {
 public:
  NcclCollectives(const Comm& comm, int cuda_device) : rank_(comm.rank()), size_(comm.size()) {
    const cudaError_t chosen = cudaSetDevice(cuda_device);
    const auto worst = comm.all_max(chosen);  // a rank that failed here alone would leave the others waiting below
    check_cuda(chosen != cudaSuccess ? chosen : static_cast<cudaError_t>(worst), "cudaSetDevice");
    check_nccl(ncclCommInitRank(&nccl_, size_, share_unique_id(comm), rank_), "ncclCommInitRank");
  }
  ~NcclCollectives() override {
    // Destroying waits for the other ranks, which may know nothing of an exception here.
    std::uncaught_exceptions() > 0 ? ncclCommAbort(nccl_) : ncclCommDestroy(nccl_);
  }

  std::string_view name() const override { return "nccl"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_reduce_sum(float* data, std::size_t n) override {
    check_nccl(ncclAllReduce(data, data, n, ncclFloat, ncclSum, nccl_, kDefaultStream), "ncclAllReduce");
  }
  void all_gather(const float* mine, float* all, std::size_t n) override {
    check_nccl(ncclAllGather(mine, all, n, ncclFloat, nccl_, kDefaultStream), "ncclAllGather");
  }
  void broadcast(float* data, std::size_t n, int root) override {
    check_nccl(ncclBroadcast(data, data, n, ncclFloat, root, nccl_, kDefaultStream), "ncclBroadcast");
  }

 private:
  static constexpr cudaStream_t kDefaultStream = nullptr;
  int rank_;
  int size_;
  ncclComm_t nccl_ = nullptr;
};

}  // namespace

std::unique_ptr<Collectives> make_nccl_collectives(const Comm& comm, int cuda_device) {
  return std::make_unique<NcclCollectives>(comm, cuda_device);
}

int nccl_version() {
  int version = 0;
  check_nccl(ncclGetVersion(&version), "ncclGetVersion");
  return version;
}

int cuda_device_count() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaSuccess) return count;
  if (code != cudaErrorNoDevice && code != cudaErrorInsufficientDriver) {
    log_warning("no CUDA device is usable ({}): see nvidia-smi for the devices and their driver",
                cudaGetErrorString(code));
  }
  return 0;
}

namespace {

cudaDeviceProp read_properties(int cuda_device) {
  cudaDeviceProp properties = {};
  check_cuda(cudaGetDeviceProperties(&properties, cuda_device), "cudaGetDeviceProperties");
  return properties;
}

}  // namespace

std::string cuda_device_name(int cuda_device) {
  return read_properties(cuda_device).name;
}

std::string cuda_device_identity(int cuda_device) {
  const cudaDeviceProp properties = read_properties(cuda_device);
  std::string identity = "GPU-";
  for (std::size_t i = 0; i < sizeof properties.uuid.bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) identity += '-';
    identity += fmt::format("{:02x}", static_cast<unsigned char>(properties.uuid.bytes[i]));
  }
  return identity;
}

}  // namespace neurosweep
