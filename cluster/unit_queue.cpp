#include "cluster/unit_queue.hpp"

#include <algorithm>

namespace neurosweep {

std::vector<QueuedUnit> alike(const std::vector<std::int64_t>& units) {
  std::vector<QueuedUnit> result;
  for (const std::int64_t unit : units) result.push_back({unit});
  return result;
}

UnitQueue::UnitQueue(std::vector<QueuedUnit> units) : left_(units.size()) {
  std::stable_sort(units.begin(), units.end(),
                   [](const QueuedUnit& a, const QueuedUnit& b) { return a.weight > b.weight; });
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    Kind& kind = groups_[unit->group][unit->kind];
    kind.waiting.push_back(*unit);
    kind.waiting_weight += unit->weight;
  }
}

/// Seconds that a unit of weight is expected to take: as the kind's units did, else as the group's, else 1.
double UnitQueue::rate(const Group& group, const Kind& kind) {
  if (kind.weight > 0) return kind.seconds / kind.weight;
  double seconds = 0, weight = 0;
  for (const auto& [name, each] : group) {
    seconds += each.seconds;
    weight += each.weight;
  }
  return weight > 0 ? seconds / weight : 1;
}

std::int64_t UnitQueue::pop() {
  auto group = groups_.begin();
  const auto empty = [](const auto& kind) { return kind.second.waiting.empty(); };
  while (std::all_of(group->second.begin(), group->second.end(), empty)) ++group;
  Kind* longest = nullptr;
  double most = -1;
  for (auto& [name, kind] : group->second) {
    if (kind.waiting.empty()) continue;
    const double expected = rate(group->second, kind) * kind.waiting.back().weight;
    if (expected <= most) continue;
    most = expected;
    longest = &kind;
  }
  const QueuedUnit unit = longest->waiting.back();
  longest->waiting.pop_back();
  longest->waiting_weight -= unit.weight;
  --left_;
  taken_.emplace(unit.unit, unit);
  return unit.unit;
}

void UnitQueue::clear() {
  for (auto& [name, group] : groups_) {
    for (auto& [key, kind] : group) kind = {{}, 0, kind.seconds, kind.weight};
  }
  left_ = 0;
}

void UnitQueue::learn(std::int64_t unit, double seconds) {
  const auto taken = taken_.find(unit);
  if (taken == taken_.end()) return;
  Kind& kind = groups_.at(taken->second.group).at(taken->second.kind);
  kind.seconds += seconds;
  kind.weight += taken->second.weight;
  taken_.erase(taken);
}

bool UnitQueue::plenty(int ranks) const {
  double left = 0, longest = 0;
  for (const auto& [name, group] : groups_) {
    for (const auto& [key, kind] : group) {
      if (kind.waiting.empty()) continue;
      const double seconds = rate(group, kind);
      left += seconds * kind.waiting_weight;
      longest = std::max(longest, seconds * kind.waiting.back().weight);
    }
  }
  constexpr double kRounding = 1e-9;
  return left_ > 0 && left >= 2 * ranks * longest * (1 - kRounding);
}

}  // namespace neurosweep
