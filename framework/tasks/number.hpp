#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

/// A number as written in text, kept exactly: plain decimals of any length, a fraction a/b, or an exponent.
struct Number {
  bool negative = false;
  std::string integer;      ///< digits without leading zeros, at least "0"
  std::string decimals;     ///< digits without trailing zeros; may be empty
  std::string denominator;  ///< of a fraction; empty: none
  int exponent = 0;         ///< power of ten
};

/// A number and where its digits stand.
struct NumberInText {
  Number number;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The numbers of a text in ASCII (see plain_signs), in order. "1,234.50", "-3", "$5", "3/4", "1e-5" and the mixed
/// "4 1/3" are numbers; the minus of "5-3" is not a sign, and a full stop behind a number ends the sentence.
std::vector<NumberInText> numbers_in(std::string_view text);

/// Whether "not", "nor" or "neither" stands before `at`, as before the 5 in "6, not 5".
bool is_denied(std::string_view text, std::size_t at);

/// The last number of a text, or nothing: not one that is denied, nor the 2 of "cm^2"; "\frac{3}{4}" is one.
std::optional<Number> last_number(std::string_view text);

/// The number that a text consists of, white space aside, or nothing.
std::optional<Number> whole_number(std::string_view text);

/// Equal values: exactly where both are plain decimals, else to 12 digits.
bool same_number(const Number& a, const Number& b);

/// Canonical text: "1234.5", "-3/4".
std::string to_text(const Number& number);

}  // namespace neurosweep
