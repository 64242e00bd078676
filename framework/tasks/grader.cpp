#include "framework/tasks/grader.hpp"

#include <vector>

#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/tasks/answers.hpp"
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
    const auto wanted = read(expected);
    if (!wanted) throw input_error("grader final_number: the expected answer '{}' has no number", expected);
    const auto found = read(completion);
    if (!found) return {};
    return {same_number(*found, *wanted), to_text(*found)};
  }

 private:
  static std::optional<Number> read(std::string_view text) {
    if (const Answer worked = behind_last(text, kWorkedMarker)) {
      if (const auto number = last_number(first_line(*worked))) return number;
    }
    return last_number(text);
  }
};

class Boxed : public Grader {
 public:
  Grade grade(std::string_view completion, std::string_view expected) const override {
    const Answer boxed = last_boxed(completion);
    if (!boxed) return {};
    const std::string answer = plain_latex(*boxed);
    const std::string wanted = plain_latex(last_boxed(expected).value_or(std::string(expected)));
    const auto number = whole_number(answer);
    const auto wanted_number = whole_number(wanted);
    const bool same = number && wanted_number ? same_number(*number, *wanted_number) : answer == wanted;
    return {same, answer};
  }
};

class Choice : public Grader {
 public:
  Grade grade(std::string_view completion, std::string_view expected) const override {
    const auto wanted = last_choice(expected);
    if (!wanted) throw input_error("grader choice: the expected answer '{}' has no letter A to J", expected);
    const auto found = last_choice(completion);
    if (!found) return {};
    return {*found == *wanted, std::string(1, *found)};
  }
};

template <class Kind>
std::unique_ptr<Grader> make_plain(const std::string&) {
  return std::make_unique<Kind>();
}

std::unique_ptr<Grader> make_after(const std::string& marker) {
  if (trim(marker).empty()) throw input_error("grader after: the marker is empty: give the text before the answer");
  return std::make_unique<After>(marker);
}

constexpr GraderKind kGraders[] = {
    {"exact", "the whole completion, trimmed, is the answer", make_plain<Exact>},
    {"after", "the answer is the rest of the line behind the last marker", make_after},
    {"final_number", "the answer is the last number (behind '####' where it stands), compared by value",
     make_plain<FinalNumber>},
    {"boxed", "the answer is the last \\boxed{...}, compared as LaTeX or by value", make_plain<Boxed>},
    {"choice", "the answer is a letter A to J: 'answer is B', '(B)' or 'B', the last one", make_plain<Choice>},
};

}  // namespace

std::span<const GraderKind> grader_kinds() {
  return kGraders;
}

std::unique_ptr<Grader> make_grader(const std::string& name, const std::string& marker) {
  std::vector<std::string> names;
  for (const GraderKind& kind : kGraders) {
    if (kind.name == name) return kind.make(marker);
    names.push_back(kind.name);
  }
  const std::string near = nearest(name, names);
  throw input_error("no grader '{}'{} (graders: {})", name,
                    near.empty() ? "" : fmt::format(": did you mean '{}'?", near), fmt::join(names, ", "));
}

}  // namespace neurosweep
