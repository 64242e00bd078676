#include "cluster/rank_groups.hpp"

#include <array>
#include <thread>

#include "cluster/mpi_calls.hpp"
#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr std::int64_t kNoUnit = -1;
constexpr int kNotALeader = 1;

Comm cut(const Comm& all, int size) {
  if (size < 1 || all.size() % size != 0) {
    throw input_error("[study] ranks_per_model = {}, but the run has {} rank{}: start it with a multiple of {}", size,
                      all.size(), all.size() == 1 ? "" : "s", size);
  }
  return all.split(all.rank() / size, all.rank());
}

/// Whether all ranks of the group came within `patience`.
bool all_come(const Comm& group, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibarrier(group.group()->handle, &request), "MPI_Ibarrier");
  int here = 0;
  Nap nap;
  while (true) {
    check_mpi(MPI_Test(&request, &here, MPI_STATUS_IGNORE), "MPI_Test");
    if (here != 0 || std::chrono::steady_clock::now() > end) return here != 0;
    nap.rest();
  }
}

}  // namespace

RankGroups::RankGroups(const Comm& all, int size)
    : group_(cut(all, size)), leaders_(all.split(is_leader() ? 0 : kNotALeader, all.rank())) {}

RankGroups::Verdict RankGroups::agree(const std::string& failure, std::chrono::milliseconds patience) const {
  if (group_.size() == 1) return {failure};
  if (!failure.empty()) {
    if (!all_come(group_, patience)) return {failure, true};
  } else {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibarrier(group_.group()->handle, &request), "MPI_Ibarrier");
    wait_napping(request);
  }
  Verdict verdict;
  for (const std::string& each : group_.gather(failure)) {
    if (verdict.failure.empty()) verdict.failure = each;
  }
  group_.broadcast(verdict.failure);
  return verdict;
}

std::int64_t RankGroups::share_unit(std::int64_t unit, const StopToken& stop) const {
  const std::array<std::int64_t, 2> mine = {is_leader() ? unit : kNoUnit, stop.signal()};
  std::array<std::int64_t, 2> all = mine;
  if (group_.size() > 1) {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Iallreduce(mine.data(), all.data(), 2, MPI_INT64_T, MPI_MAX, group_.group()->handle, &request),
              "MPI_Iallreduce");
    wait_napping(request);
  }
  if (all[1] != 0) stop.request(static_cast<int>(all[1]));
  return all[0];
}

DispatchResult run_units(const RankGroups& groups, const std::vector<QueuedUnit>& todo,
                         const std::function<UnitOutcome(std::int64_t)>& run_one, const StopToken& stop,
                         ProgressSink* progress, const std::vector<int>& resting) {
  if (groups.group().size() == 1) return run_units(groups.leaders(), todo, run_one, stop, progress, resting);
  DispatchResult result;
  if (groups.is_leader()) {
    const auto run_together = [&](std::int64_t unit) { return run_one(groups.share_unit(unit, stop)); };
    result = run_units(groups.leaders(), todo, run_together, stop, progress, resting);
    groups.share_unit(kNoUnit, stop);
  } else {
    for (std::int64_t unit = 0; (unit = groups.share_unit(kNoUnit, stop)) != kNoUnit;) run_one(unit);
  }
  result.done = groups.group().all_max(result.done);
  result.failed = groups.group().all_max(result.failed);
  result.stopped = groups.group().all_max(result.stopped ? 1 : 0) != 0;
  return result;
}

}  // namespace neurosweep
