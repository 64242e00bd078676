#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "framework/tasks/sandbox.hpp"

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
  /// Throws Error{input} for an expected answer that this grader cannot read.
  virtual void check(std::string_view expected) const;
};

/// What some graders need besides their name.
struct GraderOptions {
  std::string marker = "A:";  ///< of `after`
  SandboxSpec sandbox;        ///< of `code`
};

/// A row of the table of graders.
struct GraderKind {
  const char* name;
  const char* help;
  std::unique_ptr<Grader> (*make)(const GraderOptions& options);
};

std::span<const GraderKind> grader_kinds();

/// Makes a grader by name.
///   throws  Error{input}: unknown name, with the nearest; an empty marker for `after`; no sandbox for `code`
std::unique_ptr<Grader> make_grader(const std::string& name, const GraderOptions& options = {});

}  // namespace neurosweep
