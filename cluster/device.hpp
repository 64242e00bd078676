#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/comm.hpp"

namespace neurosweep {

/// A rank's place among the ranks of its machine.
struct LocalPlace {
  int rank = 0;
  int size = 1;
  int threads = 1;  ///< the rank's share of the processors it may run on
};

/// Finds the place of this rank. Collective.
LocalPlace find_local_place(const Comm& comm);

/// The CUDA device of a rank, or nothing (the CPU) where none is visible.
///   returns  local rank modulo visible devices: right when each rank sees one device and when each sees all
std::optional<int> choose_cuda_device(int local_rank, int visible_devices);

/// A rank's share of its processors when others may use them too, at least 1.
///   mine   processors this rank may run on
///   users  by processor: ranks of the machine that may run on it
int fair_threads(const std::vector<int>& mine, const std::vector<int>& users);

std::string host_name();

}  // namespace neurosweep
