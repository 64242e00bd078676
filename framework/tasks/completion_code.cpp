#include "framework/tasks/completion_code.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace neurosweep {
namespace {

constexpr std::string_view kCompletionLine = "# <completion>\n";
constexpr std::string_view kFence = "```";
// At the start of a line behind the first: what no longer belongs to the function that was begun.
constexpr std::array<std::string_view, 8> kBodyStops = {"class ", "def ", "#", "@", "if ", "print", "assert", "```"};
constexpr std::array<std::string_view, 3> kProgramStops = {"[DONE]", "```", "<|"};

std::string_view line_at(std::string_view text, std::size_t begin) {
  return text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin);
}

std::size_t next_line(std::string_view text, std::size_t begin) {
  const auto end = text.find('\n', begin);
  return end == std::string_view::npos ? text.size() : end + 1;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

std::string_view unindented(std::string_view line) {
  return line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
}

std::optional<std::string> last_fenced(std::string_view text) {
  std::optional<std::string> chosen;
  std::optional<std::size_t> opened;
  for (std::size_t at = 0; at <= text.size();) {
    const bool ends = at == text.size();
    if (ends || unindented(line_at(text, at)).starts_with(kFence)) {
      if (opened) {
        std::string code(text.substr(*opened, at - *opened));
        const bool defines = code.find("def ") != std::string::npos;
        if (defines || !chosen || chosen->find("def ") == std::string::npos) chosen = std::move(code);
        opened.reset();
      } else if (!ends) {
        opened = next_line(text, at);
      }
    }
    if (ends) break;
    at = next_line(text, at);
  }
  return chosen;
}

template <std::size_t N>
bool starts_with_any(std::string_view line, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return line.starts_with(word); });
}

std::string until_stop(std::string_view text) {
  std::size_t first = 0;
  while (first < text.size() && is_blank(line_at(text, first))) first = next_line(text, first);
  const bool goes_on = first < text.size() && (text[first] == ' ' || text[first] == '\t');
  for (std::size_t at = next_line(text, first); at < text.size(); at = next_line(text, at)) {
    const std::string_view line = line_at(text, at);
    if (goes_on ? starts_with_any(line, kBodyStops) : starts_with_any(line, kProgramStops)) {
      return std::string(text.substr(0, at));
    }
  }
  return std::string(text);
}

}  // namespace

std::string code_tests(const CodeTests& parts) {
  if (parts.before.empty()) return parts.tests;
  return parts.before + (parts.before.ends_with('\n') ? "" : "\n") + std::string(kCompletionLine) + parts.tests;
}

CodeTests parse_code_tests(std::string_view text) {
  const auto at = text.find(kCompletionLine);
  const bool has_before = at != std::string_view::npos && (at == 0 || text[at - 1] == '\n');
  if (!has_before) return {"", std::string(text)};
  return {std::string(text.substr(0, at)), std::string(text.substr(at + kCompletionLine.size()))};
}

std::string completion_code(std::string_view completion) {
  if (auto fenced = last_fenced(completion)) return *fenced;
  return until_stop(completion);
}

}  // namespace neurosweep
