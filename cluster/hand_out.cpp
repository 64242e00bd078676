#include "cluster/hand_out.hpp"

#include <algorithm>

namespace neurosweep {

namespace {
constexpr int kAskingsPerRank = 2;
}

HandOut::HandOut(const std::vector<std::int64_t>& todo, int ranks) : todo_(todo), ranks_(ranks) {}

std::vector<HandOut::Answer> HandOut::on_ready(int rank) {
  ++ranks_[rank].asking;
  return answer_all();
}

std::vector<HandOut::Answer> HandOut::on_returned(int rank) {
  --ranks_[rank].holding;
  ++ranks_[rank].asking;
  return answer_all();
}

std::vector<HandOut::Answer> HandOut::on_stop() {
  next_ = todo_.size();
  return answer_all();
}

bool HandOut::finished() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return rank.dismissed == kAskingsPerRank; });
}

bool HandOut::may_have_unit(const Rank& rank) const {
  const std::size_t left = todo_.size() - next_;
  return rank.holding == 0 ? left > 0 : left >= ranks_.size();
}

std::vector<HandOut::Answer> HandOut::answer_all() {
  std::vector<Answer> answers;
  for (int r = 0; r < static_cast<int>(ranks_.size()); ++r) {
    Rank& rank = ranks_[r];
    while (rank.asking > 0 && may_have_unit(rank)) {
      answers.push_back({r, todo_[next_++]});
      --rank.asking;
      ++rank.holding;
    }
  }
  if (next_ < todo_.size()) return answers;
  for (int r = 0; r < static_cast<int>(ranks_.size()); ++r) {
    for (; ranks_[r].asking > 0; --ranks_[r].asking, ++ranks_[r].dismissed) answers.push_back({r, kNoUnit});
  }
  return answers;
}

}  // namespace neurosweep
