#pragma once

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>

#include "cluster/comm.hpp"

namespace neurosweep {

/// The MPI side of a Comm: frees the communicator it owns.
struct Comm::Group {
  Group(MPI_Comm made, bool owned);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  MPI_Comm handle;
  int rank = 0;
  int size = 1;

 private:
  bool owned_;
};

/// Throws Error{mpi} with MPI's own words when `code` is not success.
void check_mpi(int code, const char* call);

/// Whether MPI calls are allowed now.
bool mpi_is_running();

/// Pauses between two looks for a message: 50 us at first, longer the longer nothing comes, up to `longest`.
class Nap {
 public:
  using Microseconds = std::chrono::microseconds;

  explicit Nap(Microseconds longest = Microseconds(1000)) : longest_(longest) {}
  void rest() {
    std::this_thread::sleep_for(length_);
    length_ = std::min(2 * length_, longest_);
  }
  void something_came() { length_ = kShortest; }

 private:
  static constexpr Microseconds kShortest{50};
  Microseconds longest_;
  Microseconds length_ = kShortest;
};

/// Waits for a request without keeping a processor busy.
void wait_napping(MPI_Request& request);

/// Calls fn(offset, length) for the pieces of [0, total) that one MPI call can take.
template <class Fn>
void for_each_piece(std::size_t total, std::size_t longest, const Fn& fn) {
  for (std::size_t offset = 0; offset < total; offset += longest) {
    fn(offset, static_cast<int>(std::min(longest, total - offset)));
  }
}

inline constexpr std::size_t kLongestPiece = std::size_t{1} << 30;  ///< elements of one MPI call

}  // namespace neurosweep
