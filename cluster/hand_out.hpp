#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neurosweep {

/// Decides which rank gets which unit when; the dispatcher carries its answers. A rank asks twice at the start and
/// once with every unit it gives back, and each asking is answered once: with a unit, or with kNoUnit for good.
/// So a rank holds at most two units: one at work and one ahead. The last units are given to idle ranks only.
class HandOut {
 public:
  static constexpr std::int64_t kNoUnit = -1;

  struct Answer {
    int rank;
    std::int64_t unit;
  };

  HandOut(const std::vector<std::int64_t>& todo, int ranks);

  /// A rank asks for work before it has had any.
  std::vector<Answer> on_ready(int rank);
  /// A rank gives back a unit, run or not, and asks again.
  std::vector<Answer> on_returned(int rank);
  /// No unit is given any more.
  std::vector<Answer> on_stop();
  /// Every asking of every rank was answered, and none has a unit left.
  bool finished() const;

 private:
  struct Rank {
    int asking = 0;
    int holding = 0;
    int dismissed = 0;
  };
  std::vector<Answer> answer_all();
  bool may_have_unit(const Rank& rank) const;

  const std::vector<std::int64_t>& todo_;
  std::size_t next_ = 0;
  std::vector<Rank> ranks_;
};

}  // namespace neurosweep
