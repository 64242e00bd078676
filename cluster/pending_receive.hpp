#pragma once

#include <array>
#include <cstdint>

#include "cluster/mpi_calls.hpp"

namespace neurosweep {

/// A receive of N numbers that goes on while its owner does other things; cancelled when its owner gives up.
template <int N>
class PendingReceive {
 public:
  explicit PendingReceive(MPI_Comm comm) : comm_(comm) {}
  ~PendingReceive() {
    if (request_ == MPI_REQUEST_NULL) return;
    MPI_Cancel(&request_);
    MPI_Wait(&request_, MPI_STATUS_IGNORE);
  }
  PendingReceive(const PendingReceive&) = delete;
  PendingReceive& operator=(const PendingReceive&) = delete;

  void post(int source, int tag) {
    check_mpi(MPI_Irecv(values_.data(), N, MPI_INT64_T, source, tag, comm_, &request_), "MPI_Irecv");
  }
  /// Whether the message is there; stays true until the next post().
  bool arrived() {
    if (request_ == MPI_REQUEST_NULL) return true;
    int complete = 0;
    MPI_Status status;
    check_mpi(MPI_Test(&request_, &complete, &status), "MPI_Test");
    if (complete) source_ = status.MPI_SOURCE;
    return complete != 0;
  }
  void wait() {
    Nap nap;
    while (!arrived()) nap.rest();
  }
  std::int64_t operator[](int i) const { return values_[i]; }
  int source() const { return source_; }

 private:
  MPI_Comm comm_;
  MPI_Request request_ = MPI_REQUEST_NULL;
  std::array<std::int64_t, N> values_{};
  int source_ = MPI_PROC_NULL;
};

}  // namespace neurosweep
