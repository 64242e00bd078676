#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neurosweep {

/// The content of the last \boxed{...} (braces may nest) or "\boxed x", or nothing; an unclosed one does not count.
std::optional<std::string> last_boxed(std::string_view text);

/// A LaTeX answer in one spelling: no spaces, \left, \right, \text, $ or %; \dfrac and \tfrac as \frac, and \frac of
/// plain integers as a/b; no full stop at the end.
std::string plain_latex(std::string_view latex);

/// The letter of a multiple-choice answer, A to J, upper case, or nothing. In this order: the last "answer is X" or
/// "answer: X", the last "(X)", the last capital X on its own (not "I", nor an "A" that a word follows).
std::optional<char> last_choice(std::string_view text);

}  // namespace neurosweep
