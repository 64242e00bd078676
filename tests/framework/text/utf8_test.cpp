#include "framework/text/utf8.hpp"

#include <gtest/gtest.h>

namespace neurosweep {
namespace {

TEST(Utf8, FindsTheFirstMalformedByte) {
  EXPECT_EQ(find_invalid_utf8("aé世🙂\U0010FFFF"), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("ab\x80"), 2u);
  EXPECT_EQ(find_invalid_utf8("é\xE4\xB8"), 2u) << "cut off";
  EXPECT_EQ(find_invalid_utf8("\xC0\xAF"), 0u) << "overlong";
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0u) << "surrogate";
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0u) << "beyond U+10FFFF";
}

TEST(Utf8, ReplacesEveryMaximalMalformedPart) {
  EXPECT_EQ(replace_invalid_utf8("a\xF1\x80\x80\xE1\x80\xC2"
                                 "b\x80"
                                 "c\x80\xBF"
                                 "d"),
            "a\uFFFD\uFFFD\uFFFD"
            "b\uFFFD"
            "c\uFFFD\uFFFD"
            "d");
  EXPECT_EQ(replace_invalid_utf8("plain é"), "plain é");
}

TEST(Utf8, WalksCharactersBothWays) {
  const std::string text = "a世🙂";
  std::size_t offset = 0;

  EXPECT_EQ(next_code_point(text, offset), U'a');
  EXPECT_EQ(next_code_point(text, offset), U'世');
  EXPECT_EQ(next_code_point(text, offset), U'🙂');
  EXPECT_EQ(offset, text.size());
  EXPECT_EQ(last_code_point(text), U'🙂');
}

TEST(Utf8, KnowsSpacesAndWordCharacters) {
  for (const char32_t c : {U' ', U'\n', U'\u00A0', U'\u2003', U'\u3000', U'\u0085'})
    EXPECT_TRUE(is_space(c)) << static_cast<unsigned>(c);
  for (const char32_t c : {U'a', U'\u200B', U'\u180E', U'\uFEFF'})
    EXPECT_FALSE(is_space(c)) << static_cast<unsigned>(c);
  for (const char32_t c : {U'a', U'é', U'世', U'7', U'_', U'\u0301', U'Ⅳ', U'\u200D'})
    EXPECT_TRUE(is_word(c)) << static_cast<unsigned>(c);
  for (const char32_t c : {U' ', U'-', U'½', U'🙂', U'$'}) EXPECT_FALSE(is_word(c)) << static_cast<unsigned>(c);
}

}  // namespace
}  // namespace neurosweep
