#include "cluster/job_share.hpp"

#include <algorithm>
#include <regex>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

/// Whether `a` is handed out before `b`.
bool comes_first(const QueuedUnit& a, const QueuedUnit& b) {
  if (a.group != b.group) return a.group < b.group;
  return a.weight != b.weight ? a.weight > b.weight : a.unit < b.unit;
}

/// Half of `n` units, rounded up, and one for each rank at least.
std::ptrdiff_t half(std::size_t n, int ranks) {
  return static_cast<std::ptrdiff_t>(std::min(n, std::max((n + 1) / 2, static_cast<std::size_t>(ranks))));
}

}  // namespace

JobShare parse_job_share(const std::string& text) {
  static const std::regex kShare("(\\d{1,6})/(\\d{1,6})");
  std::smatch part;
  if (std::regex_match(text, part, kShare)) {
    const JobShare share{std::stoll(part[1]) - 1, std::stoll(part[2])};
    if (share.index >= 0 && share.index < share.count) return share;
  }
  throw input_error("--share {}: expected K/N, as 2/3 for the second of three jobs", text);
}

std::vector<QueuedUnit> choose_units(std::vector<QueuedUnit> pending, const JobShare& share, int ranks) {
  if (share.count == 1) return pending;
  std::vector<std::vector<QueuedUnit>> owned(static_cast<std::size_t>(share.count));
  std::sort(pending.begin(), pending.end(), comes_first);
  for (const QueuedUnit& unit : pending) owned[static_cast<std::size_t>(unit.unit % share.count)].push_back(unit);

  const auto& mine = owned[static_cast<std::size_t>(share.index)];
  if (!mine.empty()) return {mine.begin(), mine.begin() + half(mine.size(), ranks)};
  // Beginning behind its own, so that two jobs that help at once help different ones where these have equally much
  // left.
  std::rotate(owned.begin(), owned.begin() + share.index, owned.end());
  const auto most =
      std::max_element(owned.begin(), owned.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return {most->end() - half(most->size(), ranks), most->end()};
}

}  // namespace neurosweep
