#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include "framework/tasks/answers.hpp"
#include "framework/tasks/latex_value.hpp"
#include "framework/tasks/number.hpp"

namespace neurosweep {
namespace {

/// An answer of several parts: a tuple, an interval, a set, a bare list, a union or a matrix.
struct Parts {
  std::string open;   ///< "(", "[", "\{", "", "\cup" or "matrix"
  std::string close;  ///< ")", "]", "\}", ""
  std::vector<std::string> parts;

  bool is_ordered() const { return !open.empty() && open != "\\{" && open != "\\cup"; }
};

bool same_plain(const std::string& a, const std::string& b);

// Parts between `separator` outside of all brackets.
std::vector<std::string> split_top(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (depth == 0 && text.substr(at).starts_with(separator)) {
      parts.emplace_back();
      at += separator.size();
      continue;
    }
    const char c = text[at];
    depth += (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
    parts.back() += c;
    ++at;
  }
  return parts;
}

// Whether the bracket that opens the text closes at its very end.
bool encloses(std::string_view text, std::size_t open_size, std::size_t close_size) {
  int depth = 0;
  for (std::size_t at = open_size - 1; at < text.size(); ++at) {
    const char c = text[at];
    depth += (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
    if (depth == 0) return at + 1 == text.size() && at >= open_size + close_size - 1;
  }
  return false;
}

std::optional<Parts> read_matrix(std::string_view text) {
  constexpr std::string_view kBegin = "\\begin{";
  if (!text.starts_with(kBegin)) return std::nullopt;
  const auto name_end = text.find('}');
  if (name_end == std::string_view::npos) return std::nullopt;
  const std::string end = "\\end{" + std::string(text.substr(kBegin.size(), name_end - kBegin.size())) + "}";
  if (!text.ends_with(end) || end.find("matrix") == std::string::npos) return std::nullopt;
  Parts matrix{"matrix", "", {}};
  for (const std::string& row : split_top(text.substr(name_end + 1, text.size() - name_end - 1 - end.size()), "\\\\")) {
    if (row.empty()) continue;
    for (std::string& cell : split_top(row, "&")) matrix.parts.push_back(std::move(cell));
    matrix.parts.emplace_back("\\\\");
  }
  return matrix;
}

std::vector<std::string> with_both_signs(const std::vector<std::string>& parts) {
  constexpr std::string_view kPlusMinus = "\\pm";
  std::vector<std::string> all;
  for (const std::string& part : parts) {
    const auto at = part.find(kPlusMinus);
    if (at == std::string::npos) {
      all.push_back(part);
      continue;
    }
    for (const char* sign : {"+", "-"}) {
      all.push_back(part.substr(0, at) + sign + part.substr(at + kPlusMinus.size()));
    }
  }
  return all;
}

std::optional<Parts> read_parts(const std::string& text) {
  if (auto matrix = read_matrix(text)) return matrix;
  if (auto united = split_top(text, "\\cup"); united.size() > 1) return Parts{"\\cup", "", std::move(united)};
  if (text.starts_with("\\{") && text.ends_with("\\}") && encloses(text, 2, 2)) {
    return Parts{"\\{", "\\}", with_both_signs(split_top(text.substr(2, text.size() - 4), ","))};
  }
  if (text.size() > 2 && (text[0] == '(' || text[0] == '[') && encloses(text, 1, 1)) {
    Parts parts{text.substr(0, 1), text.substr(text.size() - 1), split_top(text.substr(1, text.size() - 2), ",")};
    if (parts.parts.size() > 1) return parts;
  }
  auto parts = with_both_signs(split_top(text, ","));
  if (parts.size() > 1) return Parts{"", "", std::move(parts)};
  return std::nullopt;
}

bool same_parts(const Parts& a, const Parts& b) {
  if (a.open != b.open || a.close != b.close || a.parts.size() != b.parts.size()) return false;
  if (a.is_ordered()) return std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), same_plain);
  std::vector<std::string> rest = b.parts;
  for (const std::string& part : a.parts) {
    const auto found =
        std::find_if(rest.begin(), rest.end(), [&](const auto& other) { return same_plain(part, other); });
    if (found == rest.end()) return false;
    rest.erase(found);
  }
  return true;
}

// "2x+1=y" and "y-2x=1": the differences of the sides have one ratio at all samples.
bool same_equation(const std::string& a, const std::string& b) {
  const auto sides_a = split_top(a, "=");
  const auto sides_b = split_top(b, "=");
  if (sides_a.size() != 2 || sides_b.size() != 2) return false;
  const std::string left = "(" + sides_a[0] + ")-(" + sides_a[1] + ")";
  const std::string right = "(" + sides_b[0] + ")-(" + sides_b[1] + ")";
  const auto x = latex_value(left, 0);
  const auto y = latex_value(right, 0);
  if (!x || !y || std::abs(*x) == 0 || std::abs(*y) == 0) return false;
  for (int sample = 1; sample < 4; ++sample) {
    const auto more_x = latex_value(left, sample);
    const auto more_y = latex_value(right, sample);
    if (!more_x || !more_y || std::abs(*more_x * *y - *more_y * *x) > 1e-9 * std::abs(*more_x * *y)) return false;
  }
  return true;
}

// "x=5" and "x\in[1,2]" without their variable, one letter or f(x).
std::string without_variable(const std::string& text) {
  for (const std::string_view sign : {"=", "\\in"}) {
    const auto at = text.find(sign);
    const bool names = at == 1 || (at == 4 && text[1] == '(' && text[3] == ')');
    if (at != std::string::npos && names && text.find(sign, at + 1) == std::string::npos) {
      return text.substr(at + sign.size());
    }
  }
  return text;
}

std::string without_parentheses(const std::string& text) {
  const bool wrapped = text.size() > 2 && text[0] == '(' && text.back() == ')' && encloses(text, 1, 1) &&
                       split_top(text.substr(1, text.size() - 2), ",").size() == 1;
  return wrapped ? text.substr(1, text.size() - 2) : text;
}

// "Even" and "even"; shorter ones may be variables.
bool same_word(const std::string& a, const std::string& b) {
  constexpr std::size_t kShortestWord = 3;
  const auto same_letter = [](unsigned char x, unsigned char y) {
    return std::isalpha(x) && std::tolower(x) == std::tolower(y);
  };
  return a.size() >= kShortestWord && std::equal(a.begin(), a.end(), b.begin(), b.end(), same_letter);
}

bool same_plain(const std::string& a, const std::string& b) {
  if (a == b || same_word(a, b)) return true;
  if (a.empty() || b.empty()) return false;
  const auto x = whole_number(a);
  const auto y = whole_number(b);
  if (x && y) return same_number(*x, *y);
  const auto parts_a = read_parts(a);
  const auto parts_b = read_parts(b);
  if (parts_a && parts_b) return same_parts(*parts_a, *parts_b);
  if (parts_a || parts_b) return false;
  return same_latex_value(a, b) || same_equation(a, b);
}

}  // namespace

bool same_latex(std::string_view a, std::string_view b) {
  const std::string x = without_parentheses(plain_latex(a));
  const std::string y = without_parentheses(plain_latex(b));
  if (same_plain(x, y)) return true;
  const std::string short_x = without_variable(x);
  const std::string short_y = without_variable(y);
  const bool one_names_it = (short_x == x) != (short_y == y);
  return one_names_it && same_plain(without_parentheses(short_x), without_parentheses(short_y));
}

}  // namespace neurosweep
