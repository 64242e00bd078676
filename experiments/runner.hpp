#pragma once

#include <cstdint>
#include <string>

#include "cluster/comm.hpp"
#include "cluster/preemption.hpp"
#include "framework/config/study_spec.hpp"

namespace neurosweep {

/// Attempts at a unit, over all launches, after which it is left out and the study ends with failed units.
inline constexpr int kMaxAttempts = 3;

/// How a run ended, the same on every rank.
struct RunResult {
  int status = 0;              ///< exit_status::kComplete, kFailedUnits or kCheckpointed
  std::int64_t units_done = 0;  ///< in this launch
  std::int64_t units_failed = 0;
  std::string content_hash;    ///< rank 0, when complete
};

/// Runs what is left of a study into the store folder `dir`. Collective; every rank reads the study itself.
///   throws  Error{input}, Error{store}, Error{io}: before anything is measured on all ranks, or from the failing rank
RunResult run_study(const StudySpec& study, const std::string& dir, const Comm& comm, const StopToken& stop);

}  // namespace neurosweep
