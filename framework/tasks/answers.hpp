#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

/// The content of the last \boxed{...} (braces may nest) or "\boxed x", or nothing; an unclosed one does not count.
std::optional<std::string> last_boxed(std::string_view text);

/// Offset behind the brace that closes the one at `open`, or npos; escaped braces do not count.
std::size_t behind_group(std::string_view text, std::size_t open);

/// A LaTeX answer in one spelling: no spaces, \left, \right, $, %, degree signs, or units at its end; \text{x} as x;
/// \frac for \dfrac and \tfrac, and a/b where both are integers that stand alone; no full stop at the end.
std::string plain_latex(std::string_view latex);

/// Equal answers: alike in plain_latex, equal numbers or expressions ("\frac{\sqrt2}{2}", "\frac{1}{\sqrt{2}}"), equal
/// part by part as tuples, intervals, matrices, or in any order as sets, lists, unions and "a \pm b"; "x=5" and "5".
bool same_latex(std::string_view a, std::string_view b);

/// The letter of a multiple-choice answer, upper case, or nothing. In this order: the last of "answer is X",
/// "answer: X", "option X", "choice X", "X is the right answer" and a line "X"; the last "(X)"; the last capital X on
/// its own, A to J (not "I", nor an "A" that a noun follows).
std::optional<char> last_choice(std::string_view text);

/// A completion up to a new "Q:" or "Question:" line.
std::string_view own_reply(std::string_view completion);

/// The last line that is not blank, or "".
std::string_view last_line(std::string_view text);

/// What a completion states as its answer: the rest of the sentence or line behind the last "answer is" or "answer:",
/// else its last \boxed{}, else its last line. Nothing behind a new "Q:" or "Question:" line counts.
///   returns  the whole line first, then its first sentence; empty: a blank completion
std::vector<std::string> stated_answers(std::string_view completion);

/// Equal as text: case, white space, an article and quotes, stars or a full stop around it aside.
bool same_text(std::string_view a, std::string_view b);

}  // namespace neurosweep
