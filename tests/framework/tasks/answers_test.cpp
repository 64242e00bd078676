#include "framework/tasks/answers.hpp"

#include <gtest/gtest.h>

namespace neurosweep {
namespace {

TEST(LastBoxed, ReadsNestedBracesAndTheLastOne) {
  EXPECT_EQ(last_boxed(R"(so \boxed{1} no, \boxed{\frac{a}{b^{2}}} .)"), R"(\frac{a}{b^{2}})");
  EXPECT_EQ(last_boxed(R"(\boxed{\left\{1\right\}})"), R"(\left\{1\right\})");
  EXPECT_EQ(last_boxed(R"(\boxed {7})"), "7");
  EXPECT_EQ(last_boxed("it is \\boxed 42 ."), "42");
}

TEST(LastBoxed, IsNothingWithoutAClosedOne) {
  EXPECT_EQ(last_boxed("42"), std::nullopt);
  EXPECT_EQ(last_boxed(R"(\boxed{42)"), std::nullopt);
  EXPECT_EQ(last_boxed(R"(\boxed)"), std::nullopt);
  EXPECT_EQ(last_boxed(R"(\boxed{1} then \boxed{2)"), "1");
}

TEST(LastBoxed, ReadsAMegabyteOfUnclosedOnesInOneWalk) {
  std::string text;
  while (text.size() < (1U << 20)) text += "\\boxed{";

  EXPECT_EQ(last_boxed(text), std::nullopt);
  EXPECT_EQ(last_boxed(text + "7}"), "7");
}

TEST(PlainLatex, WritesOneSpellingForEqualAnswers) {
  EXPECT_EQ(plain_latex(R"(\dfrac{1}{2})"), "1/2");
  EXPECT_EQ(plain_latex(R"(-\frac12)"), "-1/2");
  EXPECT_EQ(plain_latex(R"(\frac{x}{2})"), R"(\frac{x}{2})");
  EXPECT_EQ(plain_latex(R"(\left( 3, \frac{\pi}{2} \right))"), R"((3,\frac{\pi}{2}))");
  EXPECT_EQ(plain_latex(R"($5\text{ cm}$.)"), "5");
  EXPECT_EQ(plain_latex(R"(50\%)"), "50");
  EXPECT_EQ(plain_latex(R"(\text{unclosed)"), R"(\text{unclosed)");
}

TEST(LastChoice, PrefersAStatedAnswer) {
  EXPECT_EQ(last_choice("The answer is B, not (C)."), 'B');
  EXPECT_EQ(last_choice("Answer: (d)"), 'D');
  EXPECT_EQ(last_choice("the correct answer is option **E**"), 'E');
  EXPECT_EQ(last_choice("The answer is A. Wait. The answer is therefore $\\boxed{C}$"), 'C');
  EXPECT_EQ(last_choice("The answer is a dog. (B)"), 'B');
}

TEST(LastChoice, FallsBackToParenthesesAndThenToSingleLetters) {
  EXPECT_EQ(last_choice("(A) is wrong, so (b)"), 'B');
  EXPECT_EQ(last_choice("f(a) = 2"), std::nullopt);
  EXPECT_EQ(last_choice("B"), 'B');
  EXPECT_EQ(last_choice("C) because"), 'C');
  EXPECT_EQ(last_choice("A cat saw Bob. I did not."), std::nullopt);
  EXPECT_EQ(last_choice("A"), 'A');
  EXPECT_EQ(last_choice("So it must be D.\n"), 'D');
  EXPECT_EQ(last_choice(""), std::nullopt);
}

}  // namespace
}  // namespace neurosweep
