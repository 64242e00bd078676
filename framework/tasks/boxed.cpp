#include <algorithm>
#include <vector>

#include "framework/tasks/answers.hpp"

namespace neurosweep {
namespace {

constexpr std::string_view kBoxed = "\\boxed";

/// A stretch of text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// What "\boxed x" holds, up to a space, a dollar sign or the line's end.
std::optional<Span> unbraced(std::string_view text, std::size_t behind) {
  const std::size_t begin = text.find_first_not_of(' ', behind);
  if (begin == std::string_view::npos || begin == behind || text[begin] == '{') return std::nullopt;
  return Span{begin, std::min(text.find_first_of(" $\n", begin), text.size())};
}

bool opens_box(std::string_view text, std::size_t brace) {
  std::string_view before = text.substr(0, brace);
  while (before.ends_with(' ')) before.remove_suffix(1);
  return before.ends_with(kBoxed);
}

}  // namespace

std::size_t behind_group(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t at = open; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '{') {
      ++depth;
    } else if (text[at] == '}' && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

std::optional<std::string> last_boxed(std::string_view text) {
  std::optional<Span> last;
  std::vector<std::size_t> open;
  const auto take = [&](const Span& span) {
    if (!last || span.begin > last->begin) last = span;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '{') {
      open.push_back(at);
    } else if (text[at] == '}' && !open.empty()) {
      if (opens_box(text, open.back())) take({open.back() + 1, at});
      open.pop_back();
    } else if (text[at] == '\\') {
      const bool box = text.substr(at).starts_with(kBoxed);
      if (const auto span = box ? unbraced(text, at + kBoxed.size()) : std::nullopt) take(*span);
      ++at;
    }
  }
  if (!last) return std::nullopt;
  return std::string(text.substr(last->begin, last->end - last->begin));
}

}  // namespace neurosweep
