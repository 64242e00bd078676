#include "framework/tasks/grader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "tests/framework/tasks/sandbox_here.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct GradeCase {
  const char* grader;
  const char* completion;
  const char* expected;
  bool correct;
  const char* answer;  ///< null: no answer found
};

class GraderTable : public ::testing::TestWithParam<GradeCase> {};

TEST_P(GraderTable, GradesAsStated) {
  const GradeCase& item = GetParam();

  const Grade grade = make_grader(item.grader, options_here())->grade(item.completion, item.expected);

  EXPECT_EQ(grade.correct, item.correct) << item.completion;
  EXPECT_EQ(grade.answer, item.answer ? std::optional<std::string>(item.answer) : std::nullopt) << item.completion;
}

INSTANTIATE_TEST_SUITE_P(Exact, GraderTable,
                         ::testing::Values(GradeCase{"exact", " 42\n", "42", true, "42"},
                                           GradeCase{"exact", "42.", "42", false, "42."},
                                           GradeCase{"exact", "a b", "a  b", false, "a b"},
                                           GradeCase{"exact", " \n", "", false, nullptr}));

INSTANTIATE_TEST_SUITE_P(After, GraderTable,
                         ::testing::Values(GradeCase{"after", "1+1=2\nA: 2\nQ: next", "2", true, "2"},
                                           GradeCase{"after", "A: 3\nno, A:2", "2", true, "2"},
                                           GradeCase{"after", "A:\n 2 \n3", "2", true, "2"},
                                           GradeCase{"after", "A: 12", "2", false, "12"},
                                           GradeCase{"after", "2", "2", false, nullptr},
                                           GradeCase{"after", "what A: ", "2", false, nullptr},
                                           GradeCase{"after", "so A: 7", "3 + 4\nA: 7", true, "7"}));

INSTANTIATE_TEST_SUITE_P(FinalNumber, GraderTable,
                         ::testing::Values(GradeCase{"final_number", "18 + 24 = 42 apples.", "42", true, "42"},
                                           GradeCase{"final_number", "so $1,234.50", "1234.5", true, "1234.5"},
                                           GradeCase{"final_number", "#### 42\nQ: 7?", "He has 18 + 24.\n#### 42", true,
                                                     "42"},
                                           GradeCase{"final_number", "it is 41", "#### 42", false, "41"},
                                           GradeCase{"final_number", "it is -42", "42", false, "-42"},
                                           GradeCase{"final_number", "#### none, but 5", "5", true, "5"},
                                           GradeCase{"final_number", "It is 6, not 5.", "6", true, "6"},
                                           GradeCase{"final_number", "Not 5 but 6.", "5", false, "6"},
                                           GradeCase{"final_number", "It is 5 (not 6).", "5", true, "5"},
                                           GradeCase{"final_number", "So \\boxed{42}, in 3 ways.", "42", true, "42"},
                                           GradeCase{"final_number", "$\\frac{3}{4}$", "4", false, "3/4"},
                                           GradeCase{"final_number", "1\\frac{1}{2} cups", "1.5", true, "3/2"},
                                           GradeCase{"final_number", "25 cm^2", "25", true, "25"},
                                           GradeCase{"final_number", "so 4 1/2 miles", "4.5", true, "9/2"},
                                           GradeCase{"final_number", "three quarters: 3/4", "0.75", true, "3/4"},
                                           GradeCase{"final_number", "I do not know", "42", false, nullptr},
                                           GradeCase{"final_number", "", "0", false, nullptr}));

INSTANTIATE_TEST_SUITE_P(
    Boxed, GraderTable,
    ::testing::Values(GradeCase{"boxed", R"(\boxed{\dfrac{3}{4}})", R"(\frac{3}{4})", true, "3/4"},
                      GradeCase{"boxed", R"(\boxed{0.750})", R"(\frac34)", true, "0.750"},
                      GradeCase{"boxed", R"(\boxed{1,000})", "1000", true, "1,000"},
                      GradeCase{"boxed", R"(\boxed{x^2 + 1})", R"(thus \boxed{x^2+1}.)", true, "x^2+1"},
                      GradeCase{"boxed", R"(\boxed{(1, 2)})", R"(\left(1,2\right))", true, "(1,2)"},
                      GradeCase{"boxed", R"(\boxed{x^3})", "x^2", false, "x^3"},
                      GradeCase{"boxed", "x^2", "x^2", false, nullptr},
                      GradeCase{"boxed", R"(\boxed{x^2)", "x^2", false, nullptr}));

INSTANTIATE_TEST_SUITE_P(
    Stated, GraderTable,
    ::testing::Values(GradeCase{"stated", "So the answer is (Q).", "(Q)", true, "(Q)."},
                      GradeCase{"stated", " Yes\n\nQ: Is it? A: No", "yes", true, "Yes"},
                      GradeCase{"stated", "think\nthe answer is **No**. Or so.", "no", true, "**No**"},
                      GradeCase{"stated", "The answer is -50.", "-50", true, "-50."},
                      GradeCase{"stated", "The answer is: ] ] >.", "] ] >", true, "] ] >."},
                      GradeCase{"stated", "answer: 3:30 p.m.", "3:30 p.m.", true, "3:30 p.m."},
                      GradeCase{"stated", "answer: 3:30 p.m.", "30", false, "3:30 p.m."},
                      GradeCase{"stated", "The answer is The Men's Team", "the men's team", true, "The Men's Team"},
                      GradeCase{"stated", "so \\boxed{7} it is", "7", true, "7"},
                      GradeCase{"stated", "The answer is (A).", "(B)", false, "(A)."},
                      GradeCase{"stated", "The answer is \\boxed{yes}", "yes", true, "yes"},
                      GradeCase{"stated", "The answer is not (B).", "(B)", false, "not (B)."},
                      GradeCase{"stated", " \n", "no", false, nullptr}));

INSTANTIATE_TEST_SUITE_P(
    Code, GraderTable,
    ::testing::Values(GradeCase{"code", "```python\ndef f(x):\n    return 2 * x\n```", "assert f(2) == 4\n", true,
                                "def f(x):\n    return 2 * x\n"},
                      GradeCase{"code", "    return 2 * x\n\nprint(f(1))\n",
                                "def f(x):\n    \"\"\"Doubles.\"\"\"\n# <completion>\nassert f(2) == 4\n", true,
                                "    return 2 * x\n\n"},
                      GradeCase{"code", "def f(x):\n    return 3 * x\n", "assert f(2) == 4\n", false,
                                "def f(x):\n    return 3 * x\n"},
                      GradeCase{"code", " \n", "assert f(2) == 4\n", false, nullptr}));

std::string message_of(const std::string& name, const std::string& marker) {
  try {
    make_grader(name, {marker, {}});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "no error";
}

TEST(MakeGrader, NamesTheNearestForAnUnknownName) {
  EXPECT_THAT(message_of("final-number", ""), AllOf(HasSubstr("no grader 'final-number'"),
                                                    HasSubstr("did you mean 'final_number'?"), HasSubstr("boxed")));
}

TEST(MakeGrader, WantsAMarkerForAfter) {
  EXPECT_THAT(message_of("after", " "), HasSubstr("the marker is empty"));
}

TEST(MakeGrader, MakesEveryKindOfTheTable) {
  for (const GraderKind& kind : grader_kinds()) {
    EXPECT_NE(make_grader(kind.name, options_here()), nullptr) << kind.name;
    EXPECT_FALSE(std::string(kind.help).empty()) << kind.name;
  }
}

TEST(Graders, RefuseAnExpectedAnswerTheyCannotRead) {
  EXPECT_THROW(make_grader("final_number")->grade("1", "none"), Error);
  EXPECT_THROW(make_grader("choice")->grade("B", "42"), Error);
  EXPECT_THROW(make_grader("final_number")->check("none"), Error);
  EXPECT_THROW(make_grader("choice")->check("42"), Error);
  EXPECT_THROW(make_grader("boxed")->check(" "), Error);
  EXPECT_THROW(make_grader("code", options_here())->check("\n"), Error);
  EXPECT_NO_THROW(make_grader("final_number")->check("#### 42"));
  EXPECT_NO_THROW(make_grader("exact")->check("anything"));
}

}  // namespace
}  // namespace neurosweep
