#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

/// What a grader of multiple choice compares with.
struct ChoiceAnswer {
  char letter = 'A';                 ///< the right one
  std::vector<std::string> options;  ///< texts of A, B, ... without their letters; empty: not known
};

/// As one text, for an item's answer: "(B)", and a line "(A) text" for each option.
std::string choice_text(const ChoiceAnswer& answer);

/// The inverse of choice_text; of other texts the letter by last_choice. Nothing where there is no letter.
std::optional<ChoiceAnswer> parse_choice(std::string_view text);

/// A place where a text says which option it takes: behind "answer", "ans", "option" or "choice", or a line of its own.
struct ChoiceStatement {
  std::size_t at = 0;
  std::optional<char> letter;
  std::string_view words;  ///< to the end of the line; "": only a letter is read here
};

/// All statements of a text, in order. What follows "each", "every" or "all" states nothing: "each choice: (A) is ...".
std::vector<ChoiceStatement> choice_statements(std::string_view text);

/// The letter of "B", "(B)", "B.", "(B) the text" or "B: the text", or nothing.
std::optional<char> leading_letter(std::string_view text);

/// The last "(X)" up to this letter, or nothing.
std::optional<char> last_parenthesised(std::string_view text, char most);

/// The last capital on its own up to this letter; not "I", nor an "A" that a noun follows.
std::optional<char> last_standalone(std::string_view text, char most);

}  // namespace neurosweep
