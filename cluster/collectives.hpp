#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "cluster/comm.hpp"

namespace neurosweep {

/// Sums and gathers over the ranks of a tensor-parallel group. Every call is collective and ordered alike on all ranks.
///   data     f32 in the memory the twin works on: host memory, or device memory for NCCL
class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual std::string_view name() const = 0;  ///< "none", "mpi" or "nccl"
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// data [n]: replaced by the sum over ranks, the same bits on each. On the host every number is summed in the order
  /// of ranks, whatever n is.
  virtual void all_reduce_sum(float* data, std::size_t n) = 0;
  /// mine [n], all [size * n]: the pieces of all ranks in rank order.
  virtual void all_gather(const float* mine, float* all, std::size_t n) = 0;
  /// data [n]: replaced by what `root` has.
  virtual void broadcast(float* data, std::size_t n, int root) = 0;
};

/// One rank: sums and gathers are copies.
std::unique_ptr<Collectives> make_single_collectives();

/// Host memory over MPI.
std::unique_ptr<Collectives> make_mpi_collectives(const Comm& comm);

/// Device memory over NCCL, in the default stream of the device, in order with libtorch's kernels there.
///   throws   Error{device} when built without NCCL, without a driver, or when NCCL fails
std::unique_ptr<Collectives> make_nccl_collectives(const Comm& comm, int cuda_device);

/// NCCL's version as major * 10000 + minor * 100 + patch; 0 when built without NCCL.
int nccl_version();

/// CUDA devices this process can use; 0 without a GPU, without a driver, or when built without CUDA.
int cuda_device_count();

/// What tells a CUDA device from all others, also for processes that see other numbers: "GPU-" and its UUID.
///   throws   Error{device} when the device does not answer, or when built without CUDA
std::string cuda_device_identity(int cuda_device);

/// What a CUDA device is: "NVIDIA H100 80GB HBM3".
///   throws   Error{device}: as cuda_device_identity
std::string cuda_device_name(int cuda_device);

}  // namespace neurosweep
