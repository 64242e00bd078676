#include "framework/tasks/code_grader.hpp"

#include "framework/base/error.hpp"
#include "framework/tasks/code_judge.hpp"
#include "framework/tasks/completion_code.hpp"

namespace neurosweep {
namespace {

class CodeGrader : public Grader {
 public:
  explicit CodeGrader(SandboxSpec sandbox) : sandbox_(std::move(sandbox)) {
    const CodeVerdict trial = judge_code(sandbox_, "def one(): return 1\n", {"", "assert one() == 1\n"});
    if (!trial.passed) {
      throw input_error("grader code: {} does not run in the sandbox ({}); expected Python 3.10 or newer",
                        sandbox_.python, trial.reason);
    }
  }

  Grade grade(std::string_view completion, std::string_view expected) const override {
    const std::string code = completion_code(completion);
    if (code.find_first_not_of(" \t\r\n") == std::string::npos) return {};
    return {judge_code(sandbox_, code, parse_code_tests(expected)).passed, code};
  }

  void check(std::string_view expected) const override {
    const std::string tests = parse_code_tests(expected).tests;
    if (tests.find_first_not_of(" \t\r\n") == std::string::npos) throw input_error("grader code: there are no tests");
  }

 private:
  SandboxSpec sandbox_;
};

}  // namespace

std::unique_ptr<Grader> make_code_grader(const GraderOptions& options) {
  return std::make_unique<CodeGrader>(options.sandbox);
}

}  // namespace neurosweep
