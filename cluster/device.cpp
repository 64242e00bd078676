#include "cluster/device.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "cluster/mpi_calls.hpp"
#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

std::vector<int> allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {
    throw error(ErrorKind::internal, "cannot read the processors of this process ({})", errno_text());
  }
  std::vector<int> mine;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) mine.push_back(processor);
  }
  return mine;
}

std::vector<int> count_users(const Comm& host, const std::vector<int>& mine) {
  std::vector<int> users(CPU_SETSIZE, 0);
  for (const int processor : mine) users[processor] = 1;
  if (host.group()) {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, users.data(), CPU_SETSIZE, MPI_INT, MPI_SUM, host.group()->handle),
              "MPI_Allreduce");
  }
  return users;
}

}  // namespace

LocalPlace find_local_place(const Comm& comm) {
  const Comm host = comm.split_by_host();
  const auto mine = allowed_processors();
  return {host.rank(), host.size(), fair_threads(mine, count_users(host, mine))};
}

std::optional<int> choose_cuda_device(int local_rank, int visible_devices) {
  if (visible_devices <= 0) return std::nullopt;
  return local_rank % visible_devices;
}

int fair_threads(const std::vector<int>& mine, const std::vector<int>& users) {
  double share = 0;
  for (const int processor : mine) share += 1.0 / std::max(1, users[processor]);
  return std::max(1, static_cast<int>(share + 1e-9));
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = "";
  if (gethostname(name, sizeof name) != 0) {
    throw error(ErrorKind::internal, "this machine tells no host name ({})", errno_text());
  }
  return name;
}

}  // namespace neurosweep
