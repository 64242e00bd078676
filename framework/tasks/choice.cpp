#include "framework/tasks/choice.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "framework/tasks/answers.hpp"
#include "framework/tasks/number.hpp"

namespace neurosweep {
namespace {

constexpr char kLastMarked = 'Z';  ///< behind "answer" or in parentheses
constexpr char kLastStandalone = 'J';
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kAround = " \t\r*_`()[].:$\"'";  ///< of a letter on a line of its own
constexpr std::array<std::string_view, 4> kNouns = {"answer", "option", "choice", "ans"};
constexpr std::array<std::string_view, 3> kDistributives = {"each", "every", "all"};
constexpr std::array<std::string_view, 3> kRight = {"correct", "right", "best"};
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

std::string_view stripped(std::string_view text, std::string_view signs) {
  const auto first = text.find_first_not_of(signs);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(signs) - first + 1);
}

template <class Words>
bool is_among(std::string_view word, const Words& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Takes the last word off a text in lower case.
std::string_view take_word(std::string_view& text) {
  while (!text.empty() && !is_alnum(text.back())) text.remove_suffix(1);
  std::size_t begin = text.size();
  while (begin > 0 && is_alnum(text[begin - 1])) --begin;
  const std::string_view word = text.substr(begin);
  text.remove_suffix(word.size());
  return word;
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
  if (next == '\'' || next == '=' || next == '|' || text.substr(0, letter).ends_with("| ")) return false;
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

// The letter of "(B) is the correct answer", or of "B is the option", before the noun at the end of `before`.
std::optional<char> letter_before(std::string_view text, std::string_view low) {
  std::string_view rest = low;
  std::string_view word = take_word(rest);
  if (is_among(word, kRight)) word = take_word(rest);
  if (word != "the" || take_word(rest) != "is") return std::nullopt;
  const std::string_view letter = take_word(rest);
  if (letter.size() != 1 || !std::isupper(static_cast<unsigned char>(text[rest.size()]))) return std::nullopt;
  return choice_letter(letter[0]);
}

bool follows_distributive(std::string_view low) {
  return is_among(take_word(low), kDistributives) || is_among(take_word(low), kDistributives);
}

// What "is" or a colon introduces, to the end of the line.
std::string_view words_behind(std::string_view text, std::string_view low, std::size_t at) {
  std::size_t from = std::min(low.find_first_not_of(" \t*", at), low.size());
  const bool is = low.substr(from).starts_with("is") && !is_alnum(at_or_space(low, from + 2));
  if (is) from += 2;
  if (!is && at_or_space(low, from) != ':') return {};
  from = std::min(low.find_first_not_of(" \t\r\n*:", from), low.size());
  return stripped(text.substr(from, text.find('\n', from) - from), kSpace);
}

void add_nouns(std::string_view text, std::vector<ChoiceStatement>& statements) {
  std::string low(text);
  for (char& c : low) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string_view noun : kNouns) {
    for (auto at = low.find(noun); at != std::string::npos; at = low.find(noun, at + 1)) {
      const std::string_view before = std::string_view(low).substr(0, at);
      if ((at > 0 && is_alnum(low[at - 1])) || follows_distributive(before)) continue;
      const std::size_t behind = at + noun.size();
      auto letter = choice_behind(text, behind);
      if (!letter) letter = letter_before(text, before);
      const std::string_view words = words_behind(text, low, behind);
      if (letter || !words.empty()) statements.push_back({at, letter, words});
    }
  }
}

void add_lone_lines(std::string_view text, std::vector<ChoiceStatement>& statements) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view letter = stripped(text.substr(at, end - at), kAround);
    if (letter.size() == 1 && std::isupper(static_cast<unsigned char>(letter[0])) != 0)
      statements.push_back({at, letter[0], {}});
    at = end + 1;
  }
}

}  // namespace

std::string choice_text(const ChoiceAnswer& answer) {
  std::string text = fmt::format("({})", answer.letter);
  for (std::size_t i = 0; i < answer.options.size(); ++i)
    text += fmt::format("\n({}) {}", static_cast<char>('A' + i), answer.options[i]);
  return text;
}

std::optional<ChoiceAnswer> parse_choice(std::string_view text) {
  const bool lists = text.size() > 3 && text[0] == '(' && text.substr(2, 2) == ")\n";
  const auto letter = last_choice(lists ? text.substr(0, 3) : text);
  if (!letter) return std::nullopt;
  ChoiceAnswer answer{*letter, {}};
  for (std::size_t at = lists ? 3 : text.size(); at < text.size();) {
    const std::size_t begin = at + std::string_view("\n(A) ").size();
    const std::string next = fmt::format("\n({}) ", static_cast<char>('B' + answer.options.size()));
    at = std::min(text.find(next, at), text.size());
    answer.options.emplace_back(text.substr(begin, at - begin));
  }
  return answer;
}

std::vector<ChoiceStatement> choice_statements(std::string_view text) {
  std::vector<ChoiceStatement> statements;
  add_nouns(text, statements);
  add_lone_lines(text, statements);
  std::stable_sort(statements.begin(), statements.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  return statements;
}

std::optional<char> leading_letter(std::string_view text) {
  const std::string_view rest = stripped(text, " \t\r\n*($\"'`");
  if (rest.empty() || std::isupper(static_cast<unsigned char>(rest[0])) == 0) return std::nullopt;
  const char next = rest.size() > 1 ? rest[1] : '.';
  return std::string_view(").:*").find(next) == std::string_view::npos ? std::nullopt : choice_letter(rest[0]);
}

std::optional<char> last_parenthesised(std::string_view text, char most) {
  std::optional<char> last;
  for (std::size_t at = 0; at + 2 < text.size(); ++at) {
    if (text[at] != '(' || text[at + 2] != ')' || (at > 0 && is_alnum(text[at - 1]))) continue;
    const auto letter = choice_letter(text[at + 1]);
    if (!letter || *letter > most || is_denied(text, at)) continue;
    last = letter;
  }
  return last;
}

std::optional<char> last_standalone(std::string_view text, char most) {
  std::optional<char> last;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] < 'A' || text[at] > most || text[at] == 'I') continue;
    if (stands_alone(text, at) && !is_denied(text, at)) last = text[at];
  }
  return last;
}

std::optional<char> last_choice(std::string_view text) {
  const auto statements = choice_statements(text);
  for (auto statement = statements.rbegin(); statement != statements.rend(); ++statement) {
    if (statement->letter) return statement->letter;
  }
  if (const auto letter = last_parenthesised(text, kLastMarked)) return letter;
  return last_standalone(text, kLastStandalone);
}

}  // namespace neurosweep
