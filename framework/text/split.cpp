#include "framework/text/split.hpp"

#include <algorithm>
#include <iterator>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

struct Part {
  TextSpan span;
  bool matched;
};

std::vector<Part> cover(std::string_view text, const Regex& regex, SplitOn on) {
  const bool matched = on == SplitOn::match;
  std::vector<Part> parts;
  std::size_t covered = 0;
  for (const TextSpan match : regex.find_all(text)) {
    if (covered < match.begin) parts.push_back({{covered, match.begin}, !matched});
    parts.push_back({match, matched});
    covered = match.end;
  }
  if (covered < text.size()) parts.push_back({{covered, text.size()}, !matched});
  return parts;
}

std::vector<TextSpan> drop_matches(const std::vector<Part>& parts) {
  std::vector<TextSpan> spans;
  for (const Part& part : parts) {
    if (!part.matched) spans.push_back(part.span);
  }
  return spans;
}

// Joins a part to the one before it where `joins(previous part matched, this part matched)`.
template <class Iterator, class Joins>
std::vector<TextSpan> join_parts(Iterator part, Iterator end, Joins joins) {
  std::vector<TextSpan> spans;
  bool previous_matched = false;
  for (; part != end; ++part) {
    if (joins(previous_matched, part->matched) && !spans.empty()) {
      spans.back().begin = std::min(spans.back().begin, part->span.begin);
      spans.back().end = std::max(spans.back().end, part->span.end);
    } else {
      spans.push_back(part->span);
    }
    previous_matched = part->matched;
  }
  return spans;
}

}  // namespace

SplitBehavior parse_split_behavior(const std::string& name, const std::string& origin) {
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  throw input_error("{}: behavior '{}' is not one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous",
                    origin, name);
}

std::vector<TextSpan> split_text(std::string_view text, const Regex& regex, SplitBehavior behavior, SplitOn on) {
  const std::vector<Part> parts = cover(text, regex, on);
  const auto starts_run = [](bool previous, bool matched) { return matched && !previous; };
  switch (behavior) {
    case SplitBehavior::removed:
      return drop_matches(parts);
    case SplitBehavior::isolated:
      return join_parts(parts.begin(), parts.end(), [](bool, bool) { return false; });
    case SplitBehavior::contiguous:
      return join_parts(parts.begin(), parts.end(), std::equal_to<>());
    case SplitBehavior::merged_with_previous:
      return join_parts(parts.begin(), parts.end(), starts_run);
    case SplitBehavior::merged_with_next:
      break;
  }
  std::vector<TextSpan> spans = join_parts(parts.rbegin(), parts.rend(), starts_run);
  std::reverse(spans.begin(), spans.end());
  return spans;
}

}  // namespace neurosweep
