#pragma once

#include <string>
#include <string_view>

namespace neurosweep {

/// What decides whether a completion's code is right.
struct CodeTests {
  std::string before;  ///< the program that the completion goes on; "": the completion is a whole program
  std::string tests;   ///< Python that fails by an exception; names it does not define are the completion's
};

/// As one text, for an item's answer: `before`, the line "# <completion>", `tests`; only the tests where nothing is
/// before.
std::string code_tests(const CodeTests& parts);

/// The inverse of code_tests.
CodeTests parse_code_tests(std::string_view text);

/// The code of a completion: the last ``` fence that defines a function (else the last one), or the text up to the
/// usual stop words of code that goes on a function.
std::string completion_code(std::string_view completion);

}  // namespace neurosweep
