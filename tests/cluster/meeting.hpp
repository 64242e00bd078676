#pragma once

#include <mpi.h>

#include <chrono>
#include <thread>

namespace neurosweep::testing {

/// Where the ranks wait for each other in the midst of their units. Made and destroyed by all ranks together.
class Meeting {
 public:
  Meeting() { MPI_Comm_dup(MPI_COMM_WORLD, &comm_); }
  ~Meeting() { MPI_Comm_free(&comm_); }
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

  /// False when a rank did not come within 20 s.
  bool wait_for_all() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibarrier(comm_, &request);
    for (int met = 0; std::chrono::steady_clock::now() < end;) {
      MPI_Test(&request, &met, MPI_STATUS_IGNORE);
      if (met) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
};

}  // namespace neurosweep::testing
