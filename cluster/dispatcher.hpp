#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cluster/comm.hpp"
#include "cluster/preemption.hpp"
#include "cluster/progress.hpp"
#include "cluster/unit_queue.hpp"

namespace neurosweep {

/// What became of a round, the same on every rank.
struct DispatchResult {
  std::int64_t done = 0;
  std::int64_t failed = 0;
  bool stopped = false;  ///< some rank was asked to stop; units neither done nor failed were not started
};

enum class UnitOutcome { done, failed };

/// Hands each unit to exactly one rank, as ranks get free, and runs it there in the calling thread. Collective.
///   todo      read on rank 0 only; see UnitQueue for the order of hand-out
///   run_one   must not throw: an exception leaves the other ranks waiting and has to end in abort_other_ranks
///   progress  used on rank 0 only; may be null
///   resting   ranks that get no unit, not all of them; read on rank 0 only
///   throws    Error{mpi} when the message layer fails
DispatchResult run_units(const Comm& comm, const std::vector<QueuedUnit>& todo,
                         const std::function<UnitOutcome(std::int64_t)>& run_one, const StopToken& stop,
                         ProgressSink* progress, const std::vector<int>& resting = {});

}  // namespace neurosweep
