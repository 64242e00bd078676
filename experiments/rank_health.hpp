#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/comm.hpp"
#include "framework/base/error.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// Units that a rank must fail in a row, and others measure, before the rank is to blame and not the units.
inline constexpr std::size_t kBadStreak = 3;

/// Tells a rank that fails whatever it is given from units that fail wherever they are tried: what a rank failed last
/// is tried by others first. One for each rank; of a group of ranks its leader's counts.
class RankHealth {
 public:
  /// What of a run it must know.
  struct Run {
    int launch = 0;
    std::int64_t jobs = 1;  ///< that work on the store at the same time
    int ranks_per_model = 1;
  };
  explicit RankHealth(const Run& run) : run_(run) {}

  /// This rank measured a unit.
  void note_done();
  /// This rank failed a unit.
  void note_failure(std::int64_t round_id, std::int64_t unit, const Error& failure);

  /// Collective, after each pass over a round and the merge behind it.
  ///   db       merged results, used on rank 0; may be null elsewhere
  ///   returns  on rank 0: groups that rest in the next pass, as their last unit failed and others are there to try it
  ///   throws   CommonError{device} that names a rank of which others measured kBadStreak units that it failed in a
  ///            row; or this job's ranks, when all of them fail and other jobs do not
  std::vector<int> review(const Comm& comm, const Database* db, std::int64_t round_id);

 private:
  struct Report;
  std::string report() const;
  void blame_rank(const std::vector<Report>& reports, const Database& db) const;
  void blame_job(const std::vector<Report>& reports, const Database& db, std::int64_t round_id) const;

  Run run_;
  std::set<std::pair<std::int64_t, std::int64_t>> streak_;  ///< (round, unit) failed since the last one measured
  std::string cause_;                                       ///< of the last failure
  bool last_failed_ = false;                                ///< the last unit since the last review
};

}  // namespace neurosweep
