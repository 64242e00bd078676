#include "framework/tasks/choice_grader.hpp"

#include <algorithm>
#include <vector>

#include "framework/base/error.hpp"
#include "framework/tasks/answers.hpp"
#include "framework/tasks/choice.hpp"
#include "framework/tasks/number.hpp"
#include "framework/tasks/option_values.hpp"
#include "framework/tasks/plain_signs.hpp"

namespace neurosweep {
namespace {

constexpr std::ptrdiff_t kStatementsRead = 64;  ///< from the end
constexpr std::size_t kTail = 4096;             ///< bytes at the end that may hold the last quantity
constexpr char kMostMarked = 'Z';
constexpr char kMostStandalone = 'J';
constexpr char kNoOption = '?';

/// What was read as the answer.
struct Reading {
  char letter = kNoOption;
  std::string text;
};
using Found = std::optional<Reading>;
using Pieces = std::vector<std::string>;

std::string_view stripped(std::string_view text, std::string_view signs) {
  const auto first = text.find_first_not_of(signs);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(signs) - first + 1);
}

std::string without_math_signs(std::string_view text) {
  std::string plain(text);
  for (const std::string_view sign : {"\\(", "\\)", "\\[", "\\]", "**"}) {
    for (auto at = plain.find(sign); at != std::string::npos; at = plain.find(sign, at)) plain.erase(at, sign.size());
  }
  return std::string(stripped(plain, " \t\r\n$"));
}

// A text and its first sentence.
Pieces sentences_of(std::string_view text) {
  Pieces pieces = {without_math_signs(text)};
  if (const auto stop = pieces[0].find(". "); stop != std::string::npos) pieces.push_back(pieces[0].substr(0, stop));
  return pieces;
}

// A text and what stands behind its first and last " is " and "=".
Pieces conclusions_of(std::string_view text) {
  const std::string whole = without_math_signs(text);
  Pieces pieces = {whole};
  for (const std::string_view sign : {"=", " is "}) {
    const auto last = whole.rfind(sign);
    if (last == std::string::npos) continue;
    for (const auto at : {last, whole.find(sign)}) pieces.push_back(whole.substr(at + sign.size()));
  }
  return pieces;
}

Found of_letter(std::optional<char> letter) {
  if (!letter) return std::nullopt;
  return Reading{*letter, std::string(1, *letter)};
}

std::optional<char> lone_letter(std::string_view text) {
  return stripped(text, " \t\r*_`()[].:$\"'").size() == 1 ? leading_letter(text) : std::nullopt;
}

Found of_option(std::optional<std::size_t> option, std::string_view text) {
  if (!option) return std::nullopt;
  return Reading{static_cast<char>('A' + *option), std::string(text)};
}

/// Reads which of the options a completion takes.
class ChoiceReader {
 public:
  explicit ChoiceReader(const Pieces& options)
      : options_(options),
        most_marked_(options.empty() ? kMostMarked : static_cast<char>('A' + options.size() - 1)),
        most_standalone_(options.empty() ? kMostStandalone : most_marked_) {}

  Found read(std::string_view text) const {
    const auto boxed = last_boxed(text);
    const std::size_t boxed_at = boxed ? text.rfind("\\boxed") : 0;
    const auto statements = choice_statements(text);
    const auto read = std::min(std::ssize(statements), kStatementsRead);
    for (auto each = statements.rbegin(); each != statements.rbegin() + read; ++each) {
      if (boxed && boxed_at > each->at) break;
      if (auto found = stated(*each)) return found;
    }
    return boxed ? in_box(*boxed) : unstated(text);
  }

 private:
  Found stated(const ChoiceStatement& statement) const {
    const Pieces sentences = sentences_of(statement.words);
    if (!lone_letter(statement.words)) {
      if (auto found = by_text(sentences)) return found;
    }
    if (statement.letter) return of_letter(statement.letter);
    if (auto found = by_value(sentences)) return found;
    const Conclusion last = last_quantity(options_, sentences.back());
    return of_option(last.option, last.text);
  }

  Found in_box(const std::string& content) const {
    const std::string plain = plain_latex(content);
    if (const auto letter = lone_letter(plain)) return of_letter(letter);
    if (auto found = by_text({content.find('\\') == std::string::npos ? content : plain})) return found;
    if (const auto letter = leading_letter(plain)) return of_letter(letter);
    if (auto found = by_value({content})) return found;
    const Conclusion last = last_quantity(options_, content);
    return last.option ? of_option(last.option, last.text) : Reading{kNoOption, plain};
  }

  Found unstated(std::string_view text) const {
    const std::string_view line = last_line(text);
    const Pieces pieces = conclusions_of(line);
    if (auto found = of_letter(listed_letter(line))) return found;
    if (auto found = by_text(pieces)) return found;
    if (auto found = of_letter(last_parenthesised(text, most_marked_))) return found;
    if (auto found = of_letter(letter_at_end(line))) return found;
    if (auto found = of_letter(leading_letter(text))) return found;
    if (auto found = by_value(pieces)) return found;
    const Conclusion last = last_quantity(options_, text.substr(text.size() - std::min(text.size(), kTail)));
    if (!last.text.empty()) return last.option ? of_option(last.option, last.text) : Reading{kNoOption, last.text};
    return of_letter(last_standalone(text, most_standalone_));
  }

  // "D. The text" of option D.
  std::optional<char> listed_letter(std::string_view line) const {
    const auto letter = leading_letter(line);
    if (!letter || static_cast<std::size_t>(*letter - 'A') >= options_.size()) return std::nullopt;
    const auto rest = line.substr(std::min(line.find_first_of(".):") + 1, line.size()));
    return same_text(rest, options_[static_cast<std::size_t>(*letter - 'A')]) ? letter : std::nullopt;
  }

  // "So it must be D."
  std::optional<char> letter_at_end(std::string_view line) const {
    const std::string_view bare = stripped(line, " \t\r*.\"'`");
    const bool alone = bare.size() == 1 || (bare.size() > 1 && bare[bare.size() - 2] == ' ');
    if (!alone || is_denied(bare, bare.size() - 1)) return std::nullopt;
    return last_standalone(bare.substr(bare.size() - 1), most_standalone_);
  }

  Found by_text(const Pieces& pieces) const {
    for (const std::string& piece : pieces) {
      if (auto found = of_option(option_of_text(options_, piece), piece)) return found;
    }
    return std::nullopt;
  }

  Found by_value(const Pieces& pieces) const {
    for (const std::string& piece : pieces) {
      if (auto found = of_option(option_of_value(options_, piece), piece)) return found;
    }
    return std::nullopt;
  }

  Pieces options_;
  char most_marked_;
  char most_standalone_;
};

class Choice : public Grader {
 public:
  Grade grade(std::string_view completion, std::string_view expected) const override {
    const ChoiceAnswer wanted = need(expected);
    Pieces options;
    for (const std::string& option : wanted.options) options.push_back(plain_signs(option));
    const std::string text = plain_signs(own_reply(completion));
    const Found found = ChoiceReader(options).read(text);
    if (!found) return {};
    return {found->letter == wanted.letter, found->text};
  }
  void check(std::string_view expected) const override { need(expected); }

 private:
  static ChoiceAnswer need(std::string_view expected) {
    auto wanted = parse_choice(expected);
    if (!wanted) throw input_error("grader choice: the expected answer '{}' has no letter", expected);
    return std::move(*wanted);
  }
};

}  // namespace

std::unique_ptr<Grader> make_choice_grader(const GraderOptions&) {
  return std::make_unique<Choice>();
}

}  // namespace neurosweep
