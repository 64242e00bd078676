#include "framework/rank/set_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

constexpr std::size_t kLookahead = 8;  ///< stale gains measured again in a round, and length of the measured chain

NumberSet with(NumberSet set, std::int32_t number) {
  set.insert(std::lower_bound(set.begin(), set.end(), number), number);
  return set;
}

NumberSet without(NumberSet set, std::span<const std::int32_t> numbers) {
  std::erase_if(set,
                [&](std::int32_t each) { return std::find(numbers.begin(), numbers.end(), each) != numbers.end(); });
  return set;
}

}  // namespace

SetSearch::SetSearch(std::int64_t candidates, double share) : share_(share) {
  if (candidates < 1 || !(share > 0 && share <= 1)) {
    throw input_error("set search: {} candidates and share {}: need at least 1 and a share in (0, 1]", candidates,
                      share);
  }
  for (std::int32_t number = 0; number < candidates; ++number) rest_.push_back(number);
  bound_.assign(static_cast<std::size_t>(candidates), std::numeric_limits<double>::infinity());
  want(rest_);
  for (const std::int32_t number : rest_) want({number});
  want_chain();
}

void SetSearch::want(NumberSet set) {
  if (known(set) || std::find(wanted_.begin(), wanted_.end(), set) != wanted_.end()) return;
  wanted_.push_back(std::move(set));
}

void SetSearch::tell(std::span<const double> effects) {
  ensure(effects.size() == wanted_.size() && phase_ != Phase::done, "a set search is told what it wanted");
  for (std::size_t i = 0; i < effects.size(); ++i) {
    if (!std::isfinite(effects[i])) {
      throw input_error("the joint effect of {} neurons is {}, no finite number: look at the model's outputs under it",
                        wanted_[i].size(), effects[i]);
    }
    measured_[wanted_[i]] = effects[i];
  }
  if (result_.rounds == 0) {
    result_.full_effect = effects[0];
    if (effects[0] == 0) {
      throw input_error(
          "all {} candidates together change nothing: there is no effect that a smaller set could explain",
          rest_.size());
    }
  }
  ++result_.rounds;
  result_.sets += static_cast<std::int64_t>(effects.size());
  wanted_.clear();
  advance();
}

const MinimalSet& SetSearch::result() const {
  ensure(phase_ == Phase::done, "a set search is done before its result is read");
  return result_;
}

void SetSearch::advance() {
  while (phase_ == Phase::grow && grow_step()) {
  }
  while (phase_ == Phase::prune && prune_step()) {
  }
}

/// Adds one candidate, or says with false which sets must be measured before; ends growth when the share is reached.
bool SetSearch::grow_step() {
  const double now = current_.empty() ? 0 : share_of(current_);
  if (now >= share_) {
    phase_ = Phase::prune;
    return false;
  }
  std::int32_t best = -1;
  std::vector<std::int32_t> stale;
  for (const std::int32_t number : rest_) {
    const NumberSet grown = with(current_, number);
    if (!known(grown)) {
      stale.push_back(number);
      continue;
    }
    bound_[number] = share_of(grown) - now;
    if (best < 0 || bound_[number] > bound_[best]) best = number;
  }
  const bool refresh = current_.size() >= 2 * refreshed_ && current_.size() > 1;
  const auto may_win = [&](std::int32_t number) {
    return best < 0 || bound_[number] > bound_[best] || (bound_[number] == bound_[best] && number < best);
  };
  if (!refresh) std::erase_if(stale, [&](std::int32_t number) { return !may_win(number); });
  if (stale.empty()) {
    if (refresh) refreshed_ = current_.size();
    add(best);
    return true;
  }
  sort_by_bound(stale);
  if (!refresh && stale.size() > kLookahead) stale.resize(kLookahead);
  for (const std::int32_t number : stale) want(with(current_, number));
  want_chain();
  return false;
}

void SetSearch::sort_by_bound(std::vector<std::int32_t>& numbers) const {
  std::stable_sort(numbers.begin(), numbers.end(), [&](auto a, auto b) { return bound_[a] > bound_[b]; });
}

/// Wants the sets that growth runs through if the likeliest next candidates join one after another.
void SetSearch::want_chain() {
  std::vector<std::int32_t> order = rest_;
  sort_by_bound(order);
  NumberSet chain = current_;
  for (std::size_t i = 0; i < std::min(order.size(), kLookahead); ++i) {
    chain = with(chain, order[i]);
    want(chain);
  }
}

void SetSearch::add(std::int32_t number) {
  const double before = current_.empty() ? 0 : effect_of(current_);
  current_ = with(current_, number);
  rest_ = without(rest_, {&number, 1});
  const double after = effect_of(current_);
  result_.members.push_back({number, effect_of({number}), after - before, share_of(current_), true, 0});
}

/// Leaves out members, or says with false which sets must be measured before; ends the search when none can go.
bool SetSearch::prune_step() {
  for (const std::int32_t number : current_) {
    if (current_.size() > 1) want(without(current_, {&number, 1}));
  }
  if (!wanted_.empty()) return false;
  const std::vector<std::int32_t> removable = find_removable();
  if (removable.empty()) {
    finish();
    return false;
  }
  std::vector<std::size_t> batches;
  for (std::size_t size = 2; size < removable.size(); size *= 2) batches.push_back(size);
  if (removable.size() > 1) batches.push_back(std::min(removable.size(), current_.size() - 1));
  for (const std::size_t size : batches) want(without(current_, std::span(removable).first(size)));
  if (!wanted_.empty()) return false;
  std::size_t gone = 1;
  for (const std::size_t size : batches) {
    if (share_of(without(current_, std::span(removable).first(size))) >= share_) gone = size;
  }
  current_ = without(current_, std::span(removable).first(gone));
  return true;
}

/// Members each of which the share holds without, the smallest loss first; of equal ones the lower ranked.
std::vector<std::int32_t> SetSearch::find_removable() const {
  std::vector<std::pair<double, std::int32_t>> left;
  for (const std::int32_t number : current_) {
    if (current_.size() == 1) break;
    const double share = share_of(without(current_, {&number, 1}));
    if (share >= share_) left.emplace_back(share, number);
  }
  std::sort(left.rbegin(), left.rend());
  std::vector<std::int32_t> removable;
  for (const auto& [share, number] : left) removable.push_back(number);
  return removable;
}

void SetSearch::finish() {
  result_.effect = effect_of(current_);
  result_.share = share_of(current_);
  for (GrownMember& member : result_.members) {
    member.kept = std::binary_search(current_.begin(), current_.end(), member.number);
    if (!member.kept) continue;
    const NumberSet others = without(current_, {&member.number, 1});
    member.loss = result_.effect - (others.empty() ? 0 : effect_of(others));
  }
  phase_ = Phase::done;
}

}  // namespace neurosweep
