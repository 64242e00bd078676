#include "framework/tasks/number.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "framework/tasks/plain_signs.hpp"

namespace neurosweep {
namespace {

constexpr std::size_t kMostMixedDigits = 9;  ///< of each part of a mixed number
constexpr int kMaxExponentDigits = 4;
constexpr double kRelativeTolerance = 1e-12;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_plain_integer(const Number& number) {
  return number.decimals.empty() && number.denominator.empty() && number.exponent == 0;
}

/// Reads one number from left to right.
class NumberScanner {
 public:
  NumberScanner(std::string_view text, std::size_t begin) : text_(text), begin_(begin), at_(begin) {}

  // The number at `begin`, where a digit stands, or a point and a digit.
  Number scan() {
    Number number = scan_simple();
    scan_mixed(number);
    return number;
  }

  std::size_t end() const { return at_; }

 private:
  Number scan_simple() {
    Number number;
    number.integer = scan_grouped();
    if (look(0) == '.' && is_digit(look(1))) {
      ++at_;
      number.decimals = scan_digits();
    }
    scan_exponent(number);
    scan_denominator(number);
    number.integer.erase(0, std::min(number.integer.find_first_not_of('0'), number.integer.size()));
    if (number.integer.empty()) number.integer.assign(1, '0');
    number.decimals.resize(number.decimals.find_last_not_of('0') + 1);
    return number;
  }

  char look(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  std::string scan_digits() {
    std::string digits;
    while (is_digit(look(0))) digits += text_[at_++];
    return digits;
  }

  // "1,234,567": a comma belongs to the number when exactly three digits follow it.
  std::string scan_grouped() {
    std::string digits = scan_digits();
    if (digits.empty() || digits.size() > 3) return digits;
    while (look(0) == ',' && is_digit(look(1)) && is_digit(look(2)) && is_digit(look(3)) && !is_digit(look(4))) {
      ++at_;
      digits += scan_digits();
    }
    return digits;
  }

  void scan_exponent(Number& number) {
    if (look(0) != 'e' && look(0) != 'E') return;
    const std::size_t sign = look(1) == '-' || look(1) == '+' ? 1 : 0;
    std::size_t digits = 0;
    while (is_digit(look(1 + sign + digits))) ++digits;
    if (digits == 0 || digits > kMaxExponentDigits || is_letter(look(1 + sign + digits))) return;
    number.exponent = std::stoi(std::string(text_.substr(at_ + 1 + sign, digits)));
    if (sign == 1 && look(1) == '-') number.exponent = -number.exponent;
    at_ += 1 + sign + digits;
  }

  void scan_denominator(Number& number) {
    if (look(0) != '/' || !is_digit(look(1))) return;
    const std::size_t slash = at_++;
    const std::string digits = scan_digits();
    const bool is_plain = number.decimals.empty() && number.exponent == 0;
    const bool is_date = look(0) == '/' || (begin_ > 0 && text_[begin_ - 1] == '/');
    const bool is_decimal = look(0) == '.' && is_digit(look(1));
    if (is_plain && !is_date && !is_decimal && digits.find_first_not_of('0') != std::string::npos) {
      number.denominator = digits;
    } else {
      at_ = slash;
    }
  }

  // "4 1/3" as 13/3: behind an integer a space and a fraction below one.
  void scan_mixed(Number& number) {
    if (!is_plain_integer(number) || look(0) != ' ' || !is_digit(look(1))) return;
    NumberScanner behind(text_, at_ + 1);
    const Number part = behind.scan_simple();
    if (part.denominator.empty() ||
        std::max({number.integer.size(), part.integer.size(), part.denominator.size()}) > kMostMixedDigits) {
      return;
    }
    const long long above = std::stoll(part.integer);
    const long long below = std::stoll(part.denominator);
    if (above >= below) return;
    number.integer = std::to_string(std::stoll(number.integer) * below + above);
    number.denominator = part.denominator;
    at_ = behind.end();
  }

  std::string_view text_;
  std::size_t begin_;
  std::size_t at_;
};

// A minus in front of a number, perhaps before its currency sign, that does not subtract it from something.
bool has_minus(std::string_view text, std::size_t begin) {
  std::string_view before = text.substr(0, begin);
  if (before.ends_with('$')) before.remove_suffix(1);
  if (!before.ends_with('-')) return false;
  before.remove_suffix(1);
  const char last = before.empty() ? ' ' : before.back();
  return !is_digit(last) && !is_letter(last) && last != ')' && last != ']' && last != '}';
}

bool starts_number(std::string_view text, std::size_t at) {
  if (at < text.size() && is_digit(text[at])) return true;
  return at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1]);
}

// The 2 of "cm^2", "\text{cm}^2" or "x^{2}".
bool is_exponent_of_name(std::string_view text, std::size_t begin) {
  std::string_view before = text.substr(0, begin);
  if (before.ends_with('{')) before.remove_suffix(1);
  if (!before.ends_with('^')) return false;
  before.remove_suffix(1);
  return !before.empty() && (is_letter(before.back()) || before.back() == '}');
}

// "\frac{3}{4}" of digits as "3/4", behind a digit as " 3/4".
std::string plain_fractions(std::string text) {
  constexpr std::string_view kFrac = "frac{";
  std::string plain;
  std::size_t from = 0;
  for (auto at = text.find(kFrac); at != std::string::npos; at = text.find(kFrac, at + 1)) {
    const std::size_t above = at + kFrac.size();
    const std::size_t middle = std::min(text.find_first_not_of("0123456789", above), text.size());
    const std::size_t below = middle + 2;
    if (middle == above || text.compare(middle, 2, "}{") != 0) continue;
    const std::size_t end = std::min(text.find_first_not_of("0123456789", below), text.size());
    const std::size_t command = text.rfind('\\', at);
    if (end == below || end == text.size() || text[end] != '}' || command == std::string::npos || at - command > 2)
      continue;
    plain.append(text, from, command - from);
    if (!plain.empty() && is_digit(plain.back())) plain += ' ';
    plain.append(text, above, middle - above).append("/").append(text, below, end - below);
    from = end + 1;
  }
  return plain.append(text, from, std::string::npos);
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

long double value_of(const Number& number) {
  long double value = std::strtold((number.integer + "." + number.decimals).c_str(), nullptr);
  if (!number.denominator.empty()) value /= std::strtold(number.denominator.c_str(), nullptr);
  value *= std::pow(10.0L, number.exponent);
  return number.negative ? -value : value;
}

bool is_plain(const Number& number) {
  return number.denominator.empty() && number.exponent == 0;
}
bool is_zero(const Number& number) {
  return number.integer == "0" && number.decimals.empty();
}

}  // namespace

bool is_denied(std::string_view text, std::size_t at) {
  std::string_view before = text.substr(0, at);
  const auto last = before.find_last_not_of("$-(* ");
  before = before.substr(0, last == std::string_view::npos ? 0 : last + 1);
  for (const std::string_view word : {"not", "nor", "neither", "n't be"}) {
    if (!before.ends_with(word)) continue;
    const bool whole = before.size() == word.size() || !is_letter(before[before.size() - word.size() - 1]);
    if (whole || word == "n't be") return true;
  }
  return false;
}

std::vector<NumberInText> numbers_in(std::string_view text) {
  std::vector<NumberInText> numbers;
  for (std::size_t at = 0; at < text.size();) {
    if (!starts_number(text, at)) {
      ++at;
      continue;
    }
    NumberScanner scanner(text, at);
    Number number = scanner.scan();
    number.negative = has_minus(text, at);
    numbers.push_back({std::move(number), at, scanner.end()});
    at = scanner.end();
  }
  return numbers;
}

std::optional<Number> last_number(std::string_view text) {
  const std::string plain = plain_fractions(plain_signs(text));
  auto numbers = numbers_in(plain);
  while (!numbers.empty() &&
         (is_exponent_of_name(plain, numbers.back().begin) || is_denied(plain, numbers.back().begin)))
    numbers.pop_back();
  if (numbers.empty()) return std::nullopt;
  return std::move(numbers.back().number);
}

std::optional<Number> whole_number(std::string_view text) {
  const std::string plain = plain_signs(text);
  std::string_view rest = trim(plain);
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  if (!starts_number(rest, 0)) return std::nullopt;
  NumberScanner scanner(rest, 0);
  Number number = scanner.scan();
  number.negative = negative;
  if (scanner.end() != rest.size()) return std::nullopt;
  return number;
}

bool same_number(const Number& a, const Number& b) {
  if (is_plain(a) && is_plain(b)) {
    const bool same_sign = a.negative == b.negative || (is_zero(a) && is_zero(b));
    return same_sign && a.integer == b.integer && a.decimals == b.decimals;
  }
  const long double x = value_of(a);
  const long double y = value_of(b);
  if (!std::isfinite(x) || !std::isfinite(y)) return false;
  return std::abs(x - y) <= kRelativeTolerance * std::max(std::abs(x), std::abs(y));
}

std::string to_text(const Number& number) {
  std::string text = number.negative && !is_zero(number) ? "-" : "";
  text += number.integer;
  if (!number.decimals.empty()) text.append(".").append(number.decimals);
  if (number.exponent != 0) text.append("e").append(std::to_string(number.exponent));
  if (!number.denominator.empty()) text.append("/").append(number.denominator);
  return text;
}

}  // namespace neurosweep
