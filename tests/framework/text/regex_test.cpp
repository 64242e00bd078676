#include "framework/text/regex.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string message_of(const std::string& pattern) {
  try {
    Regex(pattern, "t.json: pre_tokenizer");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "no error";
}

TEST(Regex, FindsMatchesByByteOffset) {
  EXPECT_THAT(Regex(R"(\p{L}+)", "here").find_all("é1世界!"), ElementsAre(TextSpan{0, 2}, TextSpan{3, 9}));
}

TEST(Regex, FindsNoEmptyMatchRightBehindAMatch) {
  EXPECT_THAT(Regex("b*", "here").find_all("abé"), ElementsAre(TextSpan{0, 0}, TextSpan{1, 2}, TextSpan{4, 4}));
}

TEST(Regex, TakesSpaceAsUnicodeDoes) {
  EXPECT_THAT(Regex(R"(\s)", "here").find_all("\u180E\u00A0"), ElementsAre(TextSpan{3, 5}));
  EXPECT_THAT(Regex(R"([^\s]+)", "here").find_all("\u180E\u00A0"), ElementsAre(TextSpan{0, 3}));
  EXPECT_THAT(Regex(R"([\S]+)", "here").find_all("\u2028a\u3000"), ElementsAre(TextSpan{3, 4}));
}

TEST(Regex, ReplacesAllMatches) {
  EXPECT_EQ(Regex(R"(\s+)", "here").replace_all("a \n b ", "_"), "a_b_");
  EXPECT_EQ(Regex(literal_pattern("a.b|"), "here").replace_all("a.b|axb|", "é"), "éaxb|");
}

TEST(Regex, MatchesALongRunOfSpaces) {
  const std::string spaces(300'000, ' ');

  const auto matches = Regex(R"(\s+(?!\S)|\s+)", "here").find_all(spaces + "x");

  EXPECT_THAT(matches, ElementsAre(TextSpan{0, spaces.size() - 1}, TextSpan{spaces.size() - 1, spaces.size()}));
}

TEST(Regex, SaysWhereAndWhyAPatternIsRefused) {
  EXPECT_THAT(message_of("(a"), AllOf(HasSubstr("t.json: pre_tokenizer"), HasSubstr("parenthesis"), HasSubstr("(a")));
  EXPECT_THAT(message_of("[a[b]]"), HasSubstr("nested character classes"));
  EXPECT_THAT(message_of("[a&&b]"), HasSubstr("class intersections"));
  EXPECT_THAT(message_of("(?m)a"), HasSubstr("inline flags other than i"));
  EXPECT_THAT(message_of("a{1,3}+"), HasSubstr("repeated intervals"));
  EXPECT_THAT(message_of(R"([\W])"), HasSubstr("within a class"));
}

}  // namespace
}  // namespace neurosweep
