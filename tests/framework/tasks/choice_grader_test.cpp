#include "framework/tasks/choice_grader.hpp"

#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "framework/tasks/choice.hpp"

namespace neurosweep {
namespace {

std::string read(const std::string& completion, const std::vector<std::string>& options = {}) {
  const auto grader = make_choice_grader({});
  std::string letters;
  std::string answer = "none";
  for (char letter = 'A'; letter < static_cast<char>('A' + (options.empty() ? 26 : options.size())); ++letter) {
    const Grade grade = grader->grade(completion, choice_text({letter, options}));
    if (grade.correct) letters += letter;
    if (grade.answer) answer = *grade.answer;
  }
  return letters.empty() ? "no option: " + answer : letters;
}

const std::vector<std::string> kMinutes = {"15 min", "16 min", "60 min", "2 hours"};
const std::vector<std::string> kDollars = {"$5", "$12", "$1,200", "$13"};
const std::vector<std::string> kNumbers = {"5", "6", "-6", "1/2"};
const std::vector<std::string> kNames = {"Rahim", "Raj", "Both A and B", "not valid"};

TEST(ChoiceGrader, ReadsALetter) {
  EXPECT_EQ(read("The answer is (B)."), "B");
  EXPECT_EQ(read("answer: c"), "C");
  EXPECT_EQ(read("ANS:B"), "B");
  EXPECT_EQ(read("A) no. B) no. D"), "D");
  EXPECT_EQ(read("so \\boxed{\\textbf{(C)}}"), "C");
  EXPECT_EQ(read("(B) is the correct answer, since (C) fails"), "B");
  EXPECT_EQ(read("\uff08B\uff09"), "B");
  EXPECT_EQ(read("nothing fits"), "no option: none");
  EXPECT_EQ(read(""), "no option: none");
}

TEST(ChoiceGrader, TakesTheLastOfSeveralStatements) {
  EXPECT_EQ(read("The answer is A. No, the answer is (B).", kDollars), "B");
  EXPECT_EQ(read("The answer is $5. No, so \\boxed{B}", kDollars), "B");
  EXPECT_EQ(read("\\boxed{A}? The answer is $12.", kDollars), "B");
  EXPECT_EQ(read("Each answer choice: (A) cannot be, (B) must be.", kDollars), "B");
  EXPECT_EQ(read("C\n\nIt costs 5 + 7 = $12, see (B).", kDollars), "C");
  EXPECT_EQ(read("The answer is (C) $12.", kDollars), "C");
}

TEST(ChoiceGrader, TakesNoLetterThatIsDenied) {
  EXPECT_EQ(read("The answer is not B", kDollars), "no option: none");
  EXPECT_EQ(read("It is neither (A) nor (B)", kDollars), "no option: none");
  EXPECT_EQ(read("It is (A), not (B)", kDollars), "A");
}

TEST(ChoiceGrader, IgnoresWhatAnInventedNextQuestionHolds) {
  EXPECT_EQ(read(" (B)\n\nQuestion: Another?\nAnswer: (C)"), "B");
}

TEST(ChoiceGrader, ReadsTheTextOfAnOption) {
  EXPECT_EQ(read("So the answer is Rahim.", kNames), "A");
  EXPECT_EQ(read("So the culprit is raj", kNames), "B");
  EXPECT_EQ(read("The answer is Both A and B.", kNames), "C");
  EXPECT_EQ(read("C. Both A and B", kNames), "C");
  EXPECT_EQ(read("\\boxed{\\text{Not valid}}", kNames), "D");
  EXPECT_EQ(read("The culprit is not Raj", kNames), "no option: none");
}

TEST(ChoiceGrader, TellsTextsApartByCaseWhereOnlyCaseDiffers) {
  EXPECT_EQ(read("The answer is BB Bb.", {"BB BB", "BB Bb", "Bb Bb"}), "B");
  EXPECT_EQ(read("The answer is bb bb.", {"BB BB", "BB Bb", "Bb Bb"}), "no option: none");
}

TEST(ChoiceGrader, ReadsTheValueOfAnOption) {
  EXPECT_EQ(read("He pays 5 + 7 = 12.", kDollars), "B");
  EXPECT_EQ(read("The answer is 1200 dollars.", kDollars), "C");
  EXPECT_EQ(read("He pays 5 + 9 = 14.", kDollars), "no option: 14");
  EXPECT_EQ(read("x = \\frac{1}{2}", kNumbers), "D");
  EXPECT_EQ(read("so \\boxed{0.5}", kNumbers), "D");
  EXPECT_EQ(read("thus $x = -6$", kNumbers), "C");
  EXPECT_EQ(read("It is not 5 but 6.", kNumbers), "B");
  EXPECT_EQ(read("It is 6, not 5.", kNumbers), "B");
  EXPECT_EQ(read("So \\boxed{7}", kNumbers), "no option: 7");
  EXPECT_EQ(read("The answer is 5.\nSo \\boxed{7}", kNumbers), "no option: 7");
  EXPECT_EQ(read("the ratio is 3:5", kNumbers), "no option: 3:5");
  EXPECT_EQ(read("= \\frac{3}{5}", kNumbers), "no option: \\frac{3}{5}");
}

TEST(ChoiceGrader, ReadsTheLastQuantityOfTheOptionsKind) {
  EXPECT_EQ(read("He takes 15 min, at double speed (2x).", kMinutes), "A");
  EXPECT_EQ(read("25% of $80", {"20%", "25%", "80%"}), "B");
  EXPECT_EQ(read("80% of $20", {"20%", "25%", "80%"}), "C");
  EXPECT_EQ(read("1250p * 2 = 2500p", {"1250p", "2500p", "2500"}), "B");
  EXPECT_EQ(read("= 2500", {"1250p", "2500p", "2500"}), "C");
  EXPECT_EQ(read("= 4 1/3 km/h", {"4 1/3 km/h", "1/3 km/h"}), "A");
  EXPECT_EQ(read("Tablet 5 at 60 Min.", kMinutes), "C");
  EXPECT_EQ(read("it takes 17 min", kMinutes), "no option: 17");
}

TEST(ChoiceGrader, TakesNoOptionWhereTwoAreEqual) {
  EXPECT_EQ(read("The answer is 8.75.", {"8.75", "8.79", "8.75"}), "no option: 8.75");
  EXPECT_EQ(read("= 60", {"60 minutes", "60 hours"}), "no option: 60");
  EXPECT_EQ(read("The answer is C.", {"8.75", "8.79", "8.75"}), "C");
}

TEST(ChoiceGrader, EndsOnAMegabyte) {
  std::string text;
  while (text.size() < (1U << 20)) text += "the answer is what the option is: 12 = \\frac{1}{";
  EXPECT_EQ(read(text + "\nThe answer is B.", kNumbers), "B");
  EXPECT_EQ(read(std::string(1 << 20, '('), kNumbers), "no option: none");
}

TEST(ChoiceGrader, RefusesAnExpectedAnswerWithoutALetter) {
  EXPECT_THROW(make_choice_grader({})->check("42"), Error);
  EXPECT_NO_THROW(make_choice_grader({})->check("(B)"));
}

TEST(ChoiceText, IsReadBack) {
  const ChoiceAnswer answer{'B', {"one", "two\n(X) lines", ""}};

  const auto back = parse_choice(choice_text(answer));

  ASSERT_TRUE(back);
  EXPECT_EQ(back->letter, 'B');
  EXPECT_EQ(back->options, answer.options);
  EXPECT_TRUE(parse_choice("answer: c")->options.empty());
}

}  // namespace
}  // namespace neurosweep
