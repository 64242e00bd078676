#include "cluster/hand_out.hpp"

#include <utility>

namespace neurosweep {

namespace {
constexpr std::int64_t kAskingsPerRank = 2;
}

HandOut::HandOut(std::vector<QueuedUnit> todo, int ranks, const std::vector<int>& resting)
    : queue_(std::move(todo)), ranks_(ranks) {
  for (const int rank : resting) ranks_[rank].rests = true;
}

std::vector<HandOut::Answer> HandOut::on_ready(int rank) {
  ++ranks_[rank].asking;
  return answer(rank);
}

std::vector<HandOut::Answer> HandOut::on_returned(int rank) {
  --ranks_[rank].holding;
  ++ranks_[rank].asking;
  return answer(rank);
}

std::vector<HandOut::Answer> HandOut::on_stop() {
  queue_.clear();
  return answer(0);
}

bool HandOut::finished() const {
  return dismissals_ == kAskingsPerRank * static_cast<std::int64_t>(ranks_.size());
}

bool HandOut::may_have_unit(const Rank& rank) const {
  return rank.holding == 0 ? queue_.size() > 0 : queue_.plenty(static_cast<int>(ranks_.size()));
}

/// Answers the rank that came. Another one that waits can only be answered when nothing is left, or when it comes
/// itself.
std::vector<HandOut::Answer> HandOut::answer(int rank) {
  std::vector<Answer> answers;
  Rank& asker = ranks_[rank];
  if (asker.rests) {
    dismiss(rank, answers);
    return answers;
  }
  while (asker.asking > 0 && may_have_unit(asker)) {
    answers.push_back({rank, queue_.pop()});
    --asker.asking;
    ++asker.holding;
  }
  if (queue_.size() > 0) return answers;
  if (told_all_waiting_) {
    dismiss(rank, answers);
  } else {
    for (int r = 0; r < static_cast<int>(ranks_.size()); ++r) dismiss(r, answers);
    told_all_waiting_ = true;
  }
  return answers;
}

void HandOut::dismiss(int rank, std::vector<Answer>& answers) {
  for (; ranks_[rank].asking > 0; --ranks_[rank].asking, ++dismissals_) answers.push_back({rank, kNoUnit});
}

}  // namespace neurosweep
