#include <algorithm>

#include "framework/tasks/answers.hpp"

namespace neurosweep {
namespace {

constexpr std::string_view kBoxed = "\\boxed";

// Offset behind the brace that closes the one at `open`, or npos.
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

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

bool is_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The argument of a LaTeX command at `at`: a group, or one character. Moves `at` behind it.
std::optional<std::string> take_argument(std::string_view text, std::size_t& at) {
  if (at >= text.size()) return std::nullopt;
  const std::size_t begin = at;
  const std::size_t end = text[at] == '{' ? behind_group(text, at) : at + 1;
  if (end == std::string_view::npos) return std::nullopt;
  at = end;
  return std::string(text[begin] == '{' ? text.substr(begin + 1, end - begin - 2) : text.substr(begin, 1));
}

void flatten_fractions(std::string& text) {
  constexpr std::string_view kFrac = "\\frac";
  for (auto at = text.find(kFrac); at != std::string::npos; at = text.find(kFrac, at + 1)) {
    std::size_t end = at + kFrac.size();
    const auto numerator = take_argument(text, end);
    const auto denominator = take_argument(text, end);
    if (!numerator || !denominator || !is_integer(*numerator) || !is_integer(*denominator)) continue;
    text.replace(at, end - at, *numerator + "/" + *denominator);
  }
}

// "\text{cm}" as "cm".
void unwrap(std::string& text, const std::string& command) {
  for (auto at = text.find(command + "{"); at != std::string::npos; at = text.find(command + "{", at + 1)) {
    std::size_t end = at + command.size();
    if (const auto content = take_argument(text, end)) text.replace(at, end - at, *content);
  }
}

}  // namespace

std::optional<std::string> last_boxed(std::string_view text) {
  std::optional<std::string> last;
  for (auto at = text.find(kBoxed); at != std::string_view::npos; at = text.find(kBoxed, at + 1)) {
    if (auto content = boxed_at(text, at)) last = std::move(content);
  }
  return last;
}

std::string plain_latex(std::string_view latex) {
  std::string text(latex);
  for (const char* wrapper : {"\\text", "\\mathrm", "\\textbf"}) unwrap(text, wrapper);
  for (const std::string_view gone :
       {"\\left", "\\right", "\\!", "\\,", "\\;", "\\:", "\\quad", "\\$", "$", "\\%", "%"}) {
    replace_all(text, gone, "");
  }
  for (const std::string_view space : {" ", "\t", "\n", "\r"}) replace_all(text, space, "");
  replace_all(text, "\\dfrac", "\\frac");
  replace_all(text, "\\tfrac", "\\frac");
  flatten_fractions(text);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace neurosweep
