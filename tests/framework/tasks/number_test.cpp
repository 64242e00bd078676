#include "framework/tasks/number.hpp"

#include <gtest/gtest.h>

namespace neurosweep {
namespace {

std::string last(std::string_view text) {
  const auto number = last_number(text);
  return number ? to_text(*number) : "none";
}

bool same(std::string_view a, std::string_view b) {
  return same_number(*whole_number(a), *whole_number(b));
}

TEST(Number, IsTheLastOneOfTheText) {
  EXPECT_EQ(last("18 apples and 24 pears make 42."), "42");
  EXPECT_EQ(last("x = 3.50, done"), "3.5");
  EXPECT_EQ(last("version 007"), "7");
  EXPECT_EQ(last("about .25 of it"), "0.25");
  EXPECT_EQ(last("no number"), "none");
  EXPECT_EQ(last(""), "none");
}

TEST(Number, KeepsCommasOnlyBetweenGroupsOfThree) {
  EXPECT_EQ(last("$1,234,567.80"), "1234567.8");
  EXPECT_EQ(last("1,2,3"), "3");
  EXPECT_EQ(last("12,34"), "34");
  EXPECT_EQ(last("1234,567"), "567");
  EXPECT_EQ(last("it costs 1,000, not more"), "1000");
}

TEST(Number, TellsASignFromAMinus) {
  EXPECT_EQ(last("it is -3"), "-3");
  EXPECT_EQ(last("it is \u22123"), "-3");
  EXPECT_EQ(last("-$5"), "-5");
  EXPECT_EQ(last("$-5"), "-5");
  EXPECT_EQ(last("10-3"), "3");
  EXPECT_EQ(last("(x)-3"), "3");
  EXPECT_EQ(last("10 - 3"), "3");
  EXPECT_EQ(last("=-0.0"), "0");
}

TEST(Number, ReadsFractionsAndExponents) {
  EXPECT_EQ(last("so 3/4"), "3/4");
  EXPECT_EQ(last("-3/4."), "-3/4");
  EXPECT_EQ(last("5/0"), "0");
  EXPECT_EQ(last("12/05/2020"), "2020");
  EXPECT_EQ(last("1.5e-3 m"), "1.5e-3");
  EXPECT_EQ(last("3 eggs, 4e"), "4");
}

TEST(Number, ReadsMixedNumbers) {
  EXPECT_EQ(last("= 4 1/3 km"), "13/3");
  EXPECT_EQ(last("-2 1/2"), "-5/2");
  EXPECT_EQ(last("9\u00bd"), "19/2");
  EXPECT_EQ(last("steps 4 7/3"), "7/3");
  EXPECT_EQ(last("2.5 1/3"), "1/3");
  EXPECT_EQ(last("4 1/3/2020"), "2020");
  EXPECT_TRUE(same("4 1/2", "4.5"));
  EXPECT_FALSE(same("4 1/3", "1/3"));
}

TEST(Number, ReadsFullWidthDigitsAndMinusSigns) {
  EXPECT_EQ(last("\uff11\uff12\uff0e\uff15"), "12.5");
  EXPECT_EQ(last("it is \u20134"), "-4");
  EXPECT_EQ(last("3\u20444"), "3/4");
}

TEST(Number, PassesOverOneThatIsDenied) {
  EXPECT_EQ(last("6, not 5"), "6");
  EXPECT_EQ(last("not 5 but 6"), "6");
  EXPECT_EQ(last("6, not $-5."), "6");
  EXPECT_EQ(last("it is not 5"), "none");
}

TEST(Number, ComparesNumbersBeyondFloatingPoint) {
  const std::string huge(20000, '9');

  EXPECT_TRUE(same(huge, huge));
  EXPECT_FALSE(same(huge, "1/3"));
  EXPECT_FALSE(same(huge + "/7", "1/3"));
}

TEST(Number, IsReadFromAMegabyteOfDigits) {
  EXPECT_EQ(last(std::string(1 << 20, '7') + " is 8"), "8");
  std::string many;
  while (many.size() < (1U << 20)) many += "1 ";
  EXPECT_EQ(last(many + "1/2"), "3/2");
}

TEST(Number, ComparesPlainDecimalsExactly) {
  EXPECT_TRUE(same("1,000.00", "1000"));
  EXPECT_TRUE(same("-0", "0"));
  EXPECT_TRUE(same(" 0042 ", "42"));
  EXPECT_FALSE(same("-3", "3"));
  EXPECT_FALSE(same("12345678901234567890", "12345678901234567891"));
  EXPECT_FALSE(same("0.333", "0.3333"));
}

TEST(Number, ComparesFractionsAndExponentsByValue) {
  EXPECT_TRUE(same("3/4", "0.75"));
  EXPECT_TRUE(same("2/6", "1/3"));
  EXPECT_TRUE(same("1e3", "1000"));
  EXPECT_FALSE(same("1/3", "0.333"));
  EXPECT_FALSE(same("-1/2", "1/2"));
}

TEST(Number, IsWholeOnlyWithoutOtherText) {
  EXPECT_TRUE(whole_number(" -1,234.5 "));
  EXPECT_FALSE(whole_number("5 apples"));
  EXPECT_FALSE(whole_number("x5"));
  EXPECT_FALSE(whole_number("--5"));
  EXPECT_FALSE(whole_number(""));
}

}  // namespace
}  // namespace neurosweep
