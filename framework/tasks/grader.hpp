#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace neurosweep {

/// Verdict on one completion.
struct Grade {
  bool correct = false;
  std::optional<std::string> answer;  ///< what was read as the model's answer; none: no answer found, so not correct
};

/// Reads the answer out of a completion and compares it with the expected one.
class Grader {
 public:
  virtual ~Grader() = default;
  /// `expected` is the item's answer field; a worked solution is read the same way as the completion.
  virtual Grade grade(std::string_view completion, std::string_view expected) const = 0;
};

/// A row of the table of graders.
struct GraderKind {
  const char* name;
  const char* help;
  std::unique_ptr<Grader> (*make)(const std::string& marker);
};

std::span<const GraderKind> grader_kinds();

/// Makes a grader by name; `marker` matters to `after` only.
///   throws  Error{input}: unknown name, with the nearest; an empty marker for `after`
std::unique_ptr<Grader> make_grader(const std::string& name, const std::string& marker = "");

}  // namespace neurosweep
