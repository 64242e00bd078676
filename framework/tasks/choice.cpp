#include <array>
#include <cctype>

#include "framework/tasks/answers.hpp"

namespace neurosweep {
namespace {

constexpr char kLastMarked = 'Z';  ///< behind "answer" or in parentheses
constexpr char kLastStandalone = 'J';
// What may stand between "answer" and its letter.
constexpr std::string_view kFillerSigns = " \t\r\n:=*($\"'{\\";
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

bool word_follows(std::string_view text, std::size_t letter) {
  return at_or_space(text, letter + 1) == ' ' && is_alnum(at_or_space(text, letter + 2));
}

// A letter that no other letter or digit touches; "a" and "A" before a word are articles.
bool stands_alone(std::string_view text, std::size_t letter) {
  if (is_alnum(at_or_space(text, letter + 1)) || (letter > 0 && is_alnum(text[letter - 1]))) return false;
  if (at_or_space(text, letter + 1) == '\'') return false;
  return upper(text[letter]) != 'A' || !word_follows(text, letter);
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
  for (const std::string_view stem : {"nswer", "NSWER"}) {
    for (auto at = text.find(stem); at != std::string_view::npos; at = text.find(stem, at + 1)) {
      if (const auto letter = choice_behind(text, at + stem.size())) last = letter;
    }
    if (last) break;
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
