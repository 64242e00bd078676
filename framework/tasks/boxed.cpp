#include <algorithm>

#include "framework/tasks/answers.hpp"

namespace neurosweep {
namespace {

constexpr std::string_view kBoxed = "\\boxed";

std::optional<std::string> boxed_at(std::string_view text, std::size_t command) {
  const std::size_t begin = text.find_first_not_of(' ', command + kBoxed.size());
  if (begin == std::string_view::npos) return std::nullopt;
  if (text[begin] == '{') {
    const std::size_t end = behind_group(text, begin);
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(text.substr(begin + 1, end - begin - 2));
  }
  if (begin == command + kBoxed.size()) return std::nullopt;
  const std::size_t end = std::min(text.find_first_of(" $\n", begin), text.size());
  return std::string(text.substr(begin, end - begin));
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
  std::optional<std::string> last;
  for (auto at = text.find(kBoxed); at != std::string_view::npos; at = text.find(kBoxed, at + 1)) {
    if (auto content = boxed_at(text, at)) last = std::move(content);
  }
  return last;
}

}  // namespace neurosweep
