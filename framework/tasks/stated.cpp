#include <algorithm>
#include <array>
#include <cctype>

#include "framework/tasks/answers.hpp"

namespace neurosweep {
namespace {

constexpr std::array<std::string_view, 2> kNextQuestion = {"\nQ:", "\nQuestion:"};
constexpr std::array<std::string_view, 4> kStatements = {"answer is:", "answer is", "answer:", "answer :"};
constexpr std::string_view kAround = " \t\r\n.,;!\"'*`$";

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return low;
}

std::string stripped(std::string_view text, std::string_view signs) {
  const auto first = text.find_first_not_of(signs);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(signs) - first + 1));
}

// Offset behind the statement that begins last, or npos.
std::size_t behind_statement(std::string_view text) {
  const std::string low = lower(text);
  std::size_t last = std::string::npos;
  std::size_t behind = std::string::npos;
  for (const std::string_view statement : kStatements) {
    const auto at = low.rfind(statement);
    if (at == std::string::npos || (last != std::string::npos && at <= last)) continue;
    last = at;
    behind = at + statement.size();
  }
  return behind;
}

// The point of ".5" stays.
std::string_view without_signs(std::string_view text) {
  const auto first = text.find_first_not_of(kAround);
  if (first == std::string_view::npos) return {};
  const bool point = first > 0 && text[first - 1] == '.' && std::isdigit(static_cast<unsigned char>(text[first])) != 0;
  const std::size_t begin = point ? first - 1 : first;
  return text.substr(begin, text.find_last_not_of(kAround) - begin + 1);
}

std::string plain_text(std::string_view text) {
  std::string plain;
  const std::string_view bare = without_signs(text);
  for (const char c : lower(bare)) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space) {
      plain += c;
    } else if (!plain.empty() && plain.back() != ' ') {
      plain += ' ';
    }
  }
  for (const std::string_view article : {"the ", "a ", "an "}) {
    if (plain.starts_with(article)) return plain.substr(article.size());
  }
  return plain;
}

}  // namespace

std::string_view own_reply(std::string_view completion) {
  const auto begin = std::min(completion.find_first_not_of(" \t\r\n"), completion.size());
  for (const std::string_view next : kNextQuestion) completion = completion.substr(0, completion.find(next, begin));
  return completion;
}

std::string_view last_line(std::string_view text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  const auto before = text.rfind('\n', end);
  const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return text.substr(begin, end + 1 - begin);
}

std::vector<std::string> stated_answers(std::string_view completion) {
  std::string_view text = own_reply(completion);
  if (const auto behind = behind_statement(text); behind != std::string_view::npos) {
    const auto from = text.find_first_not_of(" \t\r\n", behind);
    text = from == std::string_view::npos ? std::string_view() : text.substr(from, text.find('\n', from) - from);
  } else if (const auto boxed = last_boxed(text)) {
    return {*boxed};
  } else {
    text = last_line(text);
  }
  if (stripped(text, kAround).empty()) return {};
  std::vector<std::string> answers = {stripped(text, " \t\r\n")};
  if (auto boxed = last_boxed(text)) answers.push_back(std::move(*boxed));
  if (const auto stop = text.find(". "); stop != std::string_view::npos) answers.emplace_back(text.substr(0, stop));
  return answers;
}

bool same_text(std::string_view a, std::string_view b) {
  return plain_text(a) == plain_text(b);
}

}  // namespace neurosweep
