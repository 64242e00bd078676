#include <algorithm>
#include <array>
#include <cctype>

#include "framework/tasks/answers.hpp"

namespace neurosweep {
namespace {

constexpr std::array<std::string_view, 8> kWrappers = {"\\text",   "\\textbf", "\\textit", "\\mathrm",
                                                       "\\mathbf", "\\mbox",   "\\mathit", "\\operatorname"};
constexpr std::array<std::string_view, 18> kGone = {
    "\\left", "\\right", "\\big", "\\Big", "\\bigl", "\\bigr", "\\quad", "\\qquad", "\\displaystyle",
    "\\!",    "\\,",     "\\;",   "\\:",   "\\$",    "$",      "\\%",    "%",       "~"};
constexpr std::array<std::string_view, 6> kDegrees = {"^\\circ",   "^{\\circ}", "\\circ",
                                                      "^\\degree", "\\degree",  "\u00b0"};
// Words behind a number that are left out on both sides.
constexpr std::array<std::string_view, 57> kUnits = {
    "degrees", "degree",   "radians", "units",   "unit",    "square", "cubic",  "sq",    "cm",      "mm",
    "km",      "m",        "meters",  "meter",   "metres",  "inches", "inch",   "in",    "feet",    "foot",
    "ft",      "yards",    "yard",    "miles",   "mile",    "mph",    "hours",  "hour",  "minutes", "minute",
    "seconds", "second",   "days",    "day",     "weeks",   "week",   "months", "years", "year",    "dollars",
    "dollar",  "cents",    "cent",    "percent", "pounds",  "pound",  "ounces", "grams", "kg",      "g",
    "people",  "students", "ways",    "points",  "marbles", "apples", "mi"};

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}
bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// An odd number of backslashes in front, as the second of "\\\\" has.
bool is_escaped(std::string_view text, std::size_t at) {
  std::size_t n = 0;
  while (n < at && text[at - 1 - n] == '\\') ++n;
  return n % 2 == 1;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  const bool is_command = from[0] == '\\' && is_letter(from.back());
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    const std::size_t end = at + from.size();
    if ((is_command && end < text.size() && is_letter(text[end])) || (from[0] == '\\' && is_escaped(text, at))) {
      at = end;
      continue;
    }
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

bool is_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// The argument of a command at `at`: a group, or one character. Moves `at` behind it.
std::optional<std::string> take_argument(std::string_view text, std::size_t& at) {
  if (at >= text.size()) return std::nullopt;
  const std::size_t begin = at;
  const std::size_t end = text[at] == '{' ? behind_group(text, at) : at + 1;
  if (end == std::string_view::npos) return std::nullopt;
  at = end;
  return std::string(text[begin] == '{' ? text.substr(begin + 1, end - begin - 2) : text.substr(begin, 1));
}

// An exponent behind a unit, as in "\text{cm}^2": its end, or `at`.
std::size_t behind_exponent(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '^') return at;
  std::size_t end = at + 1;
  return take_argument(text, end) ? end : at;
}

bool is_time_of_day(const std::string& word) {
  return word == "a.m." || word == "p.m." || word == "am" || word == "pm";
}

// "5\text{ cm}^2" as "5", "\text{cm}" as "cm", "6\text{ or }7" as "6,7".
void unwrap(std::string& text, const std::string& command) {
  for (auto at = text.find(command); at != std::string::npos; at = text.find(command, at + 1)) {
    std::size_t end = text.find_first_not_of(' ', at + command.size());
    if (end == std::string::npos || text[end] != '{') continue;
    const auto content = take_argument(text, end);
    if (!content) continue;
    const std::string word = trimmed(*content);
    const std::size_t behind = behind_exponent(text, end);
    const bool is_last = text.find_first_not_of(" .$", behind) == std::string::npos;
    const bool is_first = text.find_first_not_of(" $", 0) == at;
    if (word == "or" || word == "and") {
      text.replace(at, end - at, ",");
    } else if (is_last && !is_first && !is_time_of_day(word) && std::any_of(word.begin(), word.end(), is_letter)) {
      text.erase(at, behind - at);
    } else {
      text.replace(at, end - at, *content);
    }
  }
}

// A letter that is no part of a command or of a unit's words.
bool has_variable(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' && !is_letter(text[at])) continue;
    std::size_t end = at + 1;
    while (end < text.size() && is_letter(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    const bool is_unit = word.size() > 1 && std::find(kUnits.begin(), kUnits.end(), word) != kUnits.end();
    if (word[0] != '\\' && !is_unit) return true;
    at = end - 1;
  }
  return false;
}

// "5 square feet" as "5": words of the table at the end, behind something else.
void drop_units(std::string& text) {
  while (true) {
    const std::string rest = trimmed(text);
    std::size_t end = rest.size();
    if (end > 2 && rest[end - 2] == '^' && is_digit(rest[end - 1])) end -= 2;
    std::size_t begin = end;
    while (begin > 0 && is_letter(rest[begin - 1])) --begin;
    const bool apart = begin > 1 && begin < end && rest[begin - 1] == ' ' && !has_variable(rest.substr(0, begin));
    const std::string_view word = std::string_view(rest).substr(begin, end - begin);
    if (!apart || std::find(kUnits.begin(), kUnits.end(), word) == kUnits.end()) return;
    text = rest.substr(0, begin);
  }
}

// "1 2/3" as "1\frac{2}{3}", before spaces go.
void join_mixed(std::string& text) {
  for (auto at = text.find(' '); at != std::string::npos; at = text.find(' ', at + 1)) {
    std::size_t slash = at + 1;
    while (slash < text.size() && is_digit(text[slash])) ++slash;
    std::size_t end = slash + 1;
    while (end < text.size() && is_digit(text[end])) ++end;
    const bool fraction = slash > at + 1 && slash < text.size() && text[slash] == '/' && end > slash + 1;
    if (!fraction || at == 0 || !is_digit(text[at - 1])) continue;
    const std::string above = text.substr(at + 1, slash - at - 1);
    text.replace(at, end - at, "\\frac{" + above + "}{" + text.substr(slash + 1, end - slash - 1) + "}");
  }
}

// All but one that ends a command: "\cot x" is not "\cotx".
void drop_spaces(std::string& text) {
  std::string kept;
  std::size_t command = std::string::npos;  // where the command begins that ends here
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      const auto next = text.find_first_not_of(" \t\r\n", at);
      const bool ends_command = command != std::string::npos && kept.size() > command + 1;
      if (ends_command && next != std::string::npos && is_letter(text[next])) kept += ' ';
      command = std::string::npos;
      continue;
    }
    if (c == '\\') {
      command = kept.size();
    } else if (!is_letter(c)) {
      command = std::string::npos;
    }
    kept += c;
  }
  text = kept;
}

// \frac12 as \frac{1}{2}, and where both are integers and nothing is in front as 1/2.
void flatten_fractions(std::string& text) {
  constexpr std::string_view kFrac = "\\frac";
  for (auto at = text.find(kFrac); at != std::string::npos; at = text.find(kFrac, at + 1)) {
    std::size_t end = at + kFrac.size();
    const auto above = take_argument(text, end);
    const auto below = take_argument(text, end);
    if (!above || !below) continue;
    const bool alone = (at == 0 || (!is_digit(text[at - 1]) && !is_letter(text[at - 1]) && text[at - 1] != '}')) &&
                       (end == text.size() || std::string_view(",)]}&\\=").find(text[end]) != std::string_view::npos);
    const bool plain = is_integer(*above) && is_integer(*below);
    text.replace(at, end - at, plain && alone ? *above + "/" + *below : "\\frac{" + *above + "}{" + *below + "}");
  }
}

// "x_{1}" as "x_1", "x^{2}" as "x^2".
void unbrace_single(std::string& text) {
  for (std::size_t at = 0; at + 3 < text.size(); ++at) {
    if ((text[at] != '_' && text[at] != '^') || text[at + 1] != '{' || text[at + 3] != '}') continue;
    text.erase(at + 3, 1);
    text.erase(at + 1, 1);
  }
}

}  // namespace

std::string plain_latex(std::string_view latex) {
  std::string text = trimmed(latex);
  replace_all(text, "{,}", ",");
  replace_all(text, "\\ ", " ");
  for (const std::string_view wrapper : kWrappers) unwrap(text, std::string(wrapper));
  for (const std::string_view gone : kGone) replace_all(text, gone, "");
  for (const std::string_view degree : kDegrees) replace_all(text, degree, "");
  for (const std::string_view fraction : {"\\dfrac", "\\tfrac", "\\cfrac"}) replace_all(text, fraction, "\\frac");
  replace_all(text, "\u2212", "-");
  drop_units(text);
  join_mixed(text);
  drop_spaces(text);
  flatten_fractions(text);
  unbrace_single(text);
  while (!text.empty() && (text.back() == '.' || text.back() == ',')) text.pop_back();
  return text;
}

}  // namespace neurosweep
