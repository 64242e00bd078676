#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neurosweep {

/// A number as written in text, kept exactly: plain decimals of any length, a fraction a/b, or an exponent.
struct Number {
  bool negative = false;
  std::string integer;      ///< digits without leading zeros, at least "0"
  std::string decimals;     ///< digits without trailing zeros; may be empty
  std::string denominator;  ///< of a fraction; empty: none
  int exponent = 0;         ///< power of ten
};

/// The last number of a text, or nothing. "1,234.50", "-3", "$5", "3/4" and "1e-5" are numbers; the minus of "5-3" is
/// not a sign, and a full stop behind a number ends the sentence.
std::optional<Number> last_number(std::string_view text);

/// The number that a text consists of, white space aside, or nothing.
std::optional<Number> whole_number(std::string_view text);

/// Equal values: exactly where both are plain decimals, else to 12 digits.
bool same_number(const Number& a, const Number& b);

/// Canonical text: "1234.5", "-3/4".
std::string to_text(const Number& number);

}  // namespace neurosweep
