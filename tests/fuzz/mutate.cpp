#include "tests/fuzz/mutate.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace neurosweep::testing {
namespace {

constexpr std::array kNumbers = {"0",
                                 "-1",
                                 "1e308",
                                 "1e999",
                                 "9223372036854775807",
                                 "-9223372036854775808",
                                 "4294967296",
                                 "65536",
                                 "2147483648",
                                 "NaN",
                                 "18446744073709551615",
                                 "0.5",
                                 "null",
                                 "true",
                                 "[]",
                                 "{}",
                                 "\"\"",
                                 "123456789012"};
constexpr std::array kPieces = {
    "{",  "[", "]",  "}",        "\"",    "\\",   "\\u0000", "\\ud800", "\xff", "\xed\xa0\x80",
    "\n", ",", "..", "/../etc/", "(a+)+", "(?R)", "{{",      "}}",      "''"};

}  // namespace

std::string Mutator::mutated(std::string bytes) {
  for (std::size_t n = 1 + below(4); n > 0; --n) change(bytes);
  return bytes;
}

void Mutator::change(std::string& bytes) {
  const std::size_t at = below(bytes.size()), n = std::min(1 + below(16), bytes.size() - at);
  switch (below(9)) {
    case 0:
      if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      return;
    case 1:
      bytes.erase(at, n);
      return;
    case 2:
      bytes.insert(at, bytes.substr(at, n));
      return;
    case 3:
      bytes.insert(below(bytes.size()), bytes.substr(at, n));
      return;
    case 4:
      bytes.resize(at);
      return;
    case 5:
      bytes.insert(at, kPieces[below(kPieces.size())]);
      return;
    case 6:
      bytes.insert(at, std::string(1 + below(3000), below(2) == 0 ? '[' : '{'));
      return;
    default:
      replace_number(bytes);
  }
}

void Mutator::replace_number(std::string& bytes) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const auto begin = std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size())), bytes.end(), digit);
  const auto end = std::find_if_not(begin, bytes.end(), digit);
  bytes.replace(begin, end, kNumbers[below(kNumbers.size())]);
}

}  // namespace neurosweep::testing
