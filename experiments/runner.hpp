#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/comm.hpp"
#include "cluster/job_share.hpp"
#include "cluster/preemption.hpp"
#include "framework/base/error.hpp"

namespace neurosweep {

/// Attempts at a unit, over all launches, after which it is left out and the study ends with failed units.
inline constexpr int kMaxAttempts = 3;

/// An Error that every rank throws together, with the text on rank 0: the ranks can end in good order.
class CommonError : public Error {
 public:
  using Error::Error;
};

/// How a run ended, the same on every rank.
struct RunResult {
  int status = 0;               ///< exit_status::kComplete, kFailedUnits or kCheckpointed
  std::int64_t units_done = 0;  ///< in this launch
  std::int64_t units_failed = 0;
  std::string store;         ///< result folder
  std::string content_hash;  ///< rank 0, when complete
};

/// Where a study is and where its results go.
struct RunRequest {
  std::string study_path;
  std::vector<std::string> settings;  ///< --set assignments
  std::string store;                  ///< result folder; "": study-<name>
  bool retry_failed = false;          ///< give units that were left out their attempts anew; see drop_outdated()
  JobShare share = {};                ///< of the units, among jobs that run at the same time
};

/// Runs what is left of a study. Collective; every rank reads the study itself.
///   throws  CommonError on all ranks: bad input, a foreign store, a plan or reduction that failed;
///           Error on the failing rank only: its disk or message layer failed
RunResult run_study(const RunRequest& request, const Comm& comm, const StopToken& stop);

}  // namespace neurosweep
