#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cluster/unit_queue.hpp"

namespace neurosweep {

/// Decides which rank gets which unit when; the dispatcher carries its answers. A rank asks twice at the start and
/// once with every unit it gives back, and each asking is answered once: with a unit, or with kNoUnit for good.
/// So a rank holds at most two units: one at work and one ahead. The last units are given to idle ranks only.
/// Units come in the order of a UnitQueue, which learns from the seconds that they took.
class HandOut {
 public:
  static constexpr std::int64_t kNoUnit = -1;

  struct Answer {
    int rank;
    std::int64_t unit;
  };

  ///   resting  ranks that get no unit; not all
  HandOut(std::vector<QueuedUnit> todo, int ranks, const std::vector<int>& resting = {});

  /// A rank asks for work before it has had any.
  std::vector<Answer> on_ready(int rank);
  /// A rank gives back a unit, run or not, and asks again.
  std::vector<Answer> on_returned(int rank);
  /// A unit was done in so many seconds; to be called before on_returned().
  void learn(std::int64_t unit, double seconds) { queue_.learn(unit, seconds); }
  /// No unit is given any more.
  std::vector<Answer> on_stop();
  /// Every asking of every rank was answered, and none has a unit left.
  bool finished() const;

 private:
  struct Rank {
    int asking = 0;
    int holding = 0;
    bool rests = false;
  };
  std::vector<Answer> answer(int rank);
  void dismiss(int rank, std::vector<Answer>& answers);
  bool may_have_unit(const Rank& rank) const;

  UnitQueue queue_;
  std::vector<Rank> ranks_;
  std::int64_t dismissals_ = 0;    ///< over all ranks
  bool told_all_waiting_ = false;  ///< that nothing is left
};

}  // namespace neurosweep
