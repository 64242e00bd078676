#include "framework/tasks/grader.hpp"

#include <cctype>
#include <vector>

#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/tasks/answers.hpp"
#include "framework/tasks/choice_grader.hpp"
#include "framework/tasks/code_grader.hpp"
#include "framework/tasks/number.hpp"

namespace neurosweep {
namespace {

using Answer = std::optional<std::string>;

constexpr std::string_view kWorkedMarker = "####";  ///< in front of the answer of a worked solution

std::string trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

Answer behind_last(std::string_view text, std::string_view marker) {
  const auto at = text.rfind(marker);
  if (at == std::string_view::npos) return std::nullopt;
  return trim(text.substr(at + marker.size()));
}

std::string first_line(const std::string& text) {
  return trim(text.substr(0, text.find('\n')));
}

class Exact : public Grader {
 public:
  Grade grade(std::string_view completion, std::string_view expected) const override {
    const std::string answer = trim(completion);
    if (answer.empty()) return {};
    return {answer == trim(expected), answer};
  }
};

class After : public Grader {
 public:
  explicit After(std::string marker) : marker_(std::move(marker)) {}

  Grade grade(std::string_view completion, std::string_view expected) const override {
    const Answer rest = behind_last(completion, marker_);
    if (!rest || rest->empty()) return {};
    const std::string answer = first_line(*rest);
    const Answer worked = behind_last(expected, marker_);
    return {answer == (worked ? first_line(*worked) : trim(expected)), answer};
  }

 private:
  std::string marker_;
};

class FinalNumber : public Grader {
 public:
  Grade grade(std::string_view completion, std::string_view expected) const override {
    const Number wanted = need(expected);
    const auto found = read(completion);
    if (!found) return {};
    return {same_number(*found, wanted), to_text(*found)};
  }
  void check(std::string_view expected) const override { need(expected); }

 private:
  static std::optional<Number> read(std::string_view text) {
    if (const Answer worked = behind_last(text, kWorkedMarker)) {
      if (const auto number = last_number(first_line(*worked))) return number;
    }
    if (const auto boxed = last_boxed(text)) {
      if (const auto number = last_number(*boxed)) return number;
    }
    return last_number(text);
  }
  static Number need(std::string_view expected) {
    const auto wanted = read(expected);
    if (!wanted) throw input_error("grader final_number: the expected answer '{}' has no number", expected);
    return *wanted;
  }
};

class Boxed : public Grader {
 public:
  Grade grade(std::string_view completion, std::string_view expected) const override {
    const Answer boxed = last_boxed(completion);
    if (!boxed) return {};
    return {same_latex(*boxed, wanted(expected)), plain_latex(*boxed)};
  }
  void check(std::string_view expected) const override {
    if (plain_latex(wanted(expected)).empty()) {
      throw input_error("grader boxed: the expected answer '{}' is empty", expected);
    }
  }

 private:
  static std::string wanted(std::string_view expected) { return last_boxed(expected).value_or(std::string(expected)); }
};

class Stated : public Grader {
 public:
  Grade grade(std::string_view completion, std::string_view expected) const override {
    const auto answers = stated_answers(completion);
    if (answers.empty()) return {};
    for (const std::string& answer : answers) {
      if (same(answer, trim(expected))) return {true, answer};
    }
    return {false, answers.front()};
  }

 private:
  // "3:30" and "2:5"
  static bool is_ratio(const std::string& answer) {
    const auto colon = answer.find(':');
    return colon != std::string::npos && colon > 0 && colon + 1 < answer.size() && std::isdigit(answer[colon - 1]) &&
           std::isdigit(answer[colon + 1]);
  }

  // By the form of the expected answer: "(B)", a number, or text.
  static bool same(const std::string& answer, const std::string& wanted) {
    if (wanted.size() == 3 && wanted[0] == '(' && wanted[2] == ')') return last_choice(answer) == last_choice(wanted);
    if (const auto number = whole_number(wanted)) {
      if (is_ratio(answer)) return false;
      const auto found = last_number(answer);
      return found && same_number(*found, *number);
    }
    return same_text(answer, wanted);
  }
};

template <class Kind>
std::unique_ptr<Grader> make_plain(const GraderOptions&) {
  return std::make_unique<Kind>();
}

std::unique_ptr<Grader> make_after(const GraderOptions& options) {
  if (trim(options.marker).empty()) {
    throw input_error("grader after: the marker is empty: give the text before the answer");
  }
  return std::make_unique<After>(options.marker);
}

constexpr GraderKind kGraders[] = {
    {"exact", "the whole completion, trimmed, is the answer", make_plain<Exact>},
    {"after", "the answer is the rest of the line behind the last marker", make_after},
    {"final_number",
     "the answer is the last number (behind '####' or in \\boxed{} where these stand), compared by value",
     make_plain<FinalNumber>},
    {"boxed", "the answer is the last \\boxed{...}, compared as LaTeX or by value", make_plain<Boxed>},
    {"choice", "the answer is a letter: 'answer is B', '(B)' or 'B', the last one; or one option's text or value",
     make_choice_grader},
    {"stated", "what the last 'answer is' states, else the last line: an '(X)', a number or text, as expected",
     make_plain<Stated>},
    {"code", "Python that must pass the item's tests, in a sandbox", make_code_grader},
};

}  // namespace

void Grader::check(std::string_view) const {}

std::span<const GraderKind> grader_kinds() {
  return kGraders;
}

std::unique_ptr<Grader> make_grader(const std::string& name, const GraderOptions& options) {
  std::vector<std::string> names;
  for (const GraderKind& kind : kGraders) {
    if (kind.name == name) return kind.make(options);
    names.push_back(kind.name);
  }
  const std::string near = nearest(name, names);
  throw input_error("no grader '{}'{} (graders: {})", name,
                    near.empty() ? "" : fmt::format(": did you mean '{}'?", near), fmt::join(names, ", "));
}

}  // namespace neurosweep
