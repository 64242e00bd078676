#include <array>
#include <cctype>

#include "framework/tasks/answers.hpp"

namespace neurosweep {
namespace {

constexpr char kLastMarked = 'Z';  ///< behind "answer" or in parentheses
constexpr char kLastStandalone = 'J';
// What may stand between "answer", "option" or "choice" and its letter.
constexpr std::string_view kFillerSigns = " \t\r\n:=*($\"'{\\,-";
constexpr std::array<std::string_view, 9> kFillerWords = {"is",      "option", "choice", "letter",   "the",
                                                          "correct", "boxed",  "text",   "therefore"};

bool is_alnum(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}
char upper(char c) {
  return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
}
char at_or_space(std::string_view text, std::size_t i) {
  return i < text.size() ? text[i] : ' ';
}

std::optional<char> choice_letter(char c) {
  const char letter = upper(c);
  if (letter < 'A' || letter > kLastMarked) return std::nullopt;
  return letter;
}

// "A is right" does not count: there it is no article.
bool noun_follows(std::string_view text, std::size_t letter) {
  if (at_or_space(text, letter + 1) != ' ' || !is_alnum(at_or_space(text, letter + 2))) return false;
  return !text.substr(letter + 2).starts_with("is ");
}

// A letter that no other letter or digit touches; "a" and "A" before a noun are articles.
bool stands_alone(std::string_view text, std::size_t letter) {
  if (is_alnum(at_or_space(text, letter + 1)) || (letter > 0 && is_alnum(text[letter - 1]))) return false;
  const char next = at_or_space(text, letter + 1);
  if (next == '\'' || next == '=') return false;
  return upper(text[letter]) != 'A' || !noun_follows(text, letter);
}

std::optional<char> choice_behind(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (kFillerSigns.find(text[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_alnum(text[end])) ++end;
    if (end == at + 1 && stands_alone(text, at)) return choice_letter(text[at]);
    std::string word(text.substr(at, end - at));
    for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    bool fills = false;
    for (const std::string_view filler : kFillerWords) fills = fills || word == filler;
    if (!fills) return std::nullopt;
    at = end;
  }
  return std::nullopt;
}

std::optional<char> last_stated(std::string_view text) {
  std::optional<char> last;
  std::size_t last_at = 0;
  for (const std::string_view stem : {"nswer", "NSWER", "ption", "PTION", "hoice", "CHOICE"}) {
    for (auto at = text.find(stem); at != std::string_view::npos; at = text.find(stem, at + 1)) {
      const auto letter = choice_behind(text, at + stem.size());
      if (!letter || at < last_at) continue;
      last = letter;
      last_at = at;
    }
  }
  return last;
}

std::optional<char> last_parenthesised(std::string_view text) {
  std::optional<char> last;
  for (std::size_t at = 0; at + 2 < text.size(); ++at) {
    if (text[at] != '(' || text[at + 2] != ')' || (at > 0 && is_alnum(text[at - 1]))) continue;
    if (const auto letter = choice_letter(text[at + 1])) last = letter;
  }
  return last;
}

std::optional<char> last_standalone(std::string_view text) {
  std::optional<char> last;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] < 'A' || text[at] > kLastStandalone || text[at] == 'I') continue;
    if (stands_alone(text, at)) last = text[at];
  }
  return last;
}

}  // namespace

std::optional<char> last_choice(std::string_view text) {
  if (const auto letter = last_stated(text)) return letter;
  if (const auto letter = last_parenthesised(text)) return letter;
  return last_standalone(text);
}

}  // namespace neurosweep
