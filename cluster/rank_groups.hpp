#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cluster/dispatcher.hpp"

namespace neurosweep {

/// Ranks cut into groups of neighbours that run every unit together, for models that are larger than one rank.
class RankGroups {
 public:
  /// Collective, as is the end.
  ///   throws  Error{input} when `size` does not divide the number of ranks
  RankGroups(const Comm& all, int size);

  const Comm& group() const { return group_; }  ///< of this rank
  bool is_leader() const { return group_.rank() == 0; }
  const Comm& leaders() const { return leaders_; }  ///< on leaders: the first ranks of all groups

  /// What a group's ranks say of a unit after it.
  struct Verdict {
    std::string failure;  ///< of the first rank that failed; "": none did
    bool alone = false;   ///< this rank failed, and the others still wait for it in the unit: only an abort helps
  };
  /// Collective in the group, except that a rank that failed waits no longer than `patience` for the others.
  Verdict agree(const std::string& failure, std::chrono::milliseconds patience) const;

  /// Collective in the group: the leader's unit, on every rank; a stop that any of them was asked for reaches all.
  std::int64_t share_unit(std::int64_t unit, const StopToken& stop) const;

 private:
  Comm group_, leaders_;
};

/// run_units with groups in the place of ranks: each unit is run by all ranks of one group.
///   todo, progress  used on the first rank
///   resting         groups that get no unit, not all of them; read on the first rank
///   run_one         called on every rank of the group; the leader's outcome counts
DispatchResult run_units(const RankGroups& groups, const std::vector<QueuedUnit>& todo,
                         const std::function<UnitOutcome(std::int64_t)>& run_one, const StopToken& stop,
                         ProgressSink* progress, const std::vector<int>& resting = {});

}  // namespace neurosweep
