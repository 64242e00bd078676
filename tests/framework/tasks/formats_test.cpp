#include "framework/tasks/formats.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/tasks/completion_code.hpp"
#include "framework/tasks/grader.hpp"
#include "framework/text/prompt_template.hpp"
#include "tests/framework/tasks/sandbox_here.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

FormattedItem mapped(const std::string& format, const std::string& record) {
  return format_kind(format).map({parse_json(record, "test"), "file:3", "3"}, {});
}

void expect_refusal(const std::string& format, const std::string& record, const std::string& what) {
  expect_error(ErrorKind::input, AllOf(HasSubstr("file:3: "), HasSubstr(what)), [&] { mapped(format, record); });
}

/// A record in a published layout, and what must come of it.
struct Layout {
  const char* format;
  const char* record;
  const char* id;
  const char* question;
  const char* answer;
  const char* expected;  ///< "": the answer
};

const std::vector<Layout> kLayouts = {

    Layout{"jsonl", R"j({"id": "a", "question": "1+1?", "answer": 2})j", "a", "1+1?", "2", ""},
    Layout{"gsm8k", R"j({"question": "How many?", "answer": "2+3 = <<2+3=5>>5\n#### 1,005"})j", "3", "How many?",
           "1005", ""},
    Layout{"math", R"j({"problem": "Find $x$.", "solution": "So \\boxed{\\frac12}.", "answer": "\\frac{1}{2}",
                "unique_id": "t/1"})j",
           "t/1", "Find $x$.", "\\frac{1}{2}", ""},
    Layout{"math", R"j({"problem": "Find $x$.", "solution": "So \\boxed{7}."})j", "3", "Find $x$.", "7", ""},
    Layout{"aime", R"j({"id": 60, "problem": "Find n.", "answer": "025", "url": ""})j", "60", "Find n.", "25", ""},
    Layout{"aime", R"j({"ID": "2024-I-4", "Problem": "Find n.", "Answer": 25})j", "2024-I-4", "Find n.", "25", ""},
    Layout{"amc", R"j({"id": 0, "problem": "Find n.", "answer": 27.0})j", "0", "Find n.", "27", ""},
    Layout{"svamp", R"j({"ID": "chal-1", "Body": "A pack costs 76", "Question": "How much?", "Equation": "( 76.0 )",
                "Answer": 51.0})j",
           "chal-1", "A pack costs 76. How much?", "51", ""},
    Layout{"asdiv", R"j({"body": "Seven red.", "question": "How many?", "answer": "9 (apples)", "idx": 4})j", "4",
           "Seven red. How many?", "9", ""},
    Layout{"asdiv", R"j({"body": "It is.", "question": "When?", "answer": "3:30 p.m.", "idx": 5})j", "5",
           "It is. When?", "3:30 p.m.", ""},
    Layout{"aqua", R"j({"question": "How far?", "options": ["A)5 km", "B)6 km"], "rationale": "r", "correct": "B"})j",
           "3", "How far?", "B", "(B)\n(A) 5 km\n(B) 6 km"},
    Layout{"mmlu", R"j({"question": "Which?", "type": "t", "choices": ["cat", "dog"], "answer": 1})j", "3", "Which?",
           "B", "(B)\n(A) cat\n(B) dog"},
    Layout{"logic", R"j({"id": "p1", "context": "All are.", "question": "True?", "options": ["A) True", "B) False"],
                "answer": "A"})j",
           "p1", "All are.\nTrue?", "A", "(A)\n(A) True\n(B) False"},
    Layout{"bbh", R"j({"input": "not True is", "target": "False"})j", "3", "not True is", "False", ""},
    Layout{"bbh", R"j({"input": "Which?\nOptions:\n(Q) x", "target": "(Q)"})j", "3", "Which?\nOptions:\n(Q) x", "(Q)",
           ""},
    Layout{"strategyqa", R"j({"qid": "e0", "question": "Is it?", "answer": false, "facts": ["It is not."]})j", "e0",
           "Is it?", "no", ""},
    Layout{"prosqa", R"j({"question": "Is Sally?", "answer": "Sally is a sterpus.", "steps": ["a", "b"]})j", "3",
           "Is Sally?", "Sally is a sterpus.", ""},
    Layout{"humaneval", R"j({"task_id": "H/0", "prompt": "def f(x):\n    \"\"\"Doubles.\"\"\"\n", "entry_point": "f",
                "canonical_solution": "    return 2 * x\n", "test": "def check(g):\n    assert g(2) == 4\n"})j",
           "H/0", "def f(x):\n    \"\"\"Doubles.\"\"\"\n", "    return 2 * x\n",
           "def f(x):\n    \"\"\"Doubles.\"\"\"\n# <completion>\ndef check(g):\n    assert g(2) == 4\n\ncheck(f)\n"},
    Layout{"mbpp", R"j({"task_id": 7, "text": "Double it.", "code": "def f(x):\r\n  return 2*x",
                "test_setup_code": "", "test_list": ["assert f(1) == 2", "assert f(2) == 4"]})j",
           "7", "Double it.", "def f(x):\r\n  return 2*x", "\nassert f(1) == 2\nassert f(2) == 4\n"},
    Layout{"mbpp", R"j({"task_id": 8, "prompt": "Halve it.", "code": "def h(x): return x / 2",
                "test_imports": ["import math"], "test_list": ["assert math.isclose(h(1), 0.5)"]})j",
           "8", "Halve it.", "def h(x): return x / 2", "import math\nassert math.isclose(h(1), 0.5)\n"}};

class Layouts : public ::testing::TestWithParam<Layout> {};

TEST_P(Layouts, AreReadAndTheirOwnTargetGradesAsRight) {
  const Layout& layout = GetParam();
  const TaskFormatKind& kind = format_kind(layout.format);

  FormattedItem item = mapped(layout.format, layout.record);

  EXPECT_EQ(item.id, layout.id);
  EXPECT_EQ(item.question, layout.question);
  EXPECT_EQ(item.answer, layout.answer);
  EXPECT_EQ(item.expected, layout.expected);
  item.fields["question"] = item.question;
  item.fields["answer"] = item.answer;
  EXPECT_THAT(PromptTemplate(kind.prompt, "prompt").fill(item.fields), HasSubstr(item.question));
  const std::string target = PromptTemplate(kind.target, "target").fill(item.fields);
  EXPECT_TRUE(make_grader(kind.grader, options_here())
                  ->grade(target, item.expected.empty() ? item.answer : item.expected)
                  .correct)
      << target;
}

INSTANTIATE_TEST_SUITE_P(All, Layouts, ::testing::ValuesIn(kLayouts));

TEST(Formats, GiveChoicesAndSolutionsToPrompts) {
  const auto aqua =
      mapped("aqua", R"({"question": "q", "options": ["A)5", "B) 6"], "rationale": "since", "correct": "A"})");
  const auto gsm8k = mapped("gsm8k", R"({"question": "q", "answer": "2+3 = <<2+3=5>>5\n#### 5"})");

  EXPECT_EQ(aqua.fields.at("choices"), "(A) 5\n(B) 6");
  EXPECT_EQ(aqua.fields.at("solution"), "since");
  EXPECT_EQ(gsm8k.fields.at("solution"), "2+3 = 5\n#### 5");
}

TEST(Formats, SayWhatARecordLacks) {
  expect_refusal("jsonl", R"({"id": 1, "problem": "q"})", "no field 'question' (fields: id, problem)");
  expect_refusal("jsonl", R"({"id": 1, "question": ["q"]})", "field 'question' must be text, a number or a boolean");
  expect_refusal("gsm8k", R"({"question": "q", "answer": "42"})", "has no '####'");
  expect_refusal("gsm8k", R"({"question": "q", "answer": "so #### none"})", "the answer ' none' is not a number");
  expect_refusal("math", R"({"problem": "q", "solution": "no box"})", "neither a field 'answer' nor a \\boxed{}");
  expect_refusal("math", R"({"problem": "q"})", "no field 'solution'");
  expect_refusal("aime", R"({"problem": "q", "answer": "x^2"})", "the answer 'x^2' is not a number");
  expect_refusal("svamp", R"({"ID": "1", "Body": "b", "Question": "q"})", "no field 'Answer'");
  expect_refusal("svamp", R"({"ID": "1", "Body": "b", "Question": "q", "Answer": "many"})", "is not a number");
  expect_refusal("asdiv", R"({"body": "b", "question": "q", "answer": " "})", "field 'answer' is empty");
  expect_refusal("aqua", R"({"question": "q", "options": ["A)5"], "correct": "B"})",
                 "the answer is option 2, but there are 1");
  expect_refusal("aqua", R"({"question": "q", "options": ["A)5"], "correct": "5"})", "is not an option's letter");
  expect_refusal("aqua", R"({"question": "q", "options": ["5"], "correct": "A"})", "does not begin with 'A)'");
  expect_refusal("aqua", R"({"question": "q", "options": 5, "correct": "A"})", "options");
  expect_refusal("mmlu", R"({"question": "q", "choices": ["a"], "answer": -1})", "option -1");
  expect_refusal("bbh", R"({"input": "q"})", "no field 'target'");
  expect_refusal("strategyqa", R"({"question": "q", "answer": "yes"})", "answer");
  expect_refusal("humaneval", R"({"task_id": "1", "prompt": "p", "test": "t"})", "no field 'entry_point'");
  expect_refusal("mbpp", R"({"task_id": 1, "text": "t", "test_list": []})", "'test_list' is empty");
}

TEST(Formats, NameTheNearestForAnUnknownOne) {
  expect_error(ErrorKind::input, AllOf(HasSubstr("no task format 'gsm8'"), HasSubstr("did you mean 'gsm8k'?")),
               [] { format_kind("gsm8"); });
}

TEST(Formats, HaveGradersThatAreThere) {
  for (const TaskFormatKind& kind : format_kinds()) {
    EXPECT_NE(make_grader(kind.grader, options_here()), nullptr) << kind.name;
    EXPECT_FALSE(std::string(kind.help).empty()) << kind.name;
  }
}

}  // namespace
}  // namespace neurosweep
