#include "framework/measure/reference_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

Tokenizer tokenizer() {
  return Tokenizer::load(std::string(NS_SOURCE_DIR) + "/tests/golden/tokenizers/qwen2");
}

std::string text_of(const Tokenizer& tokenizer, const ReferenceText& text, std::int64_t begin, std::int64_t end) {
  return tokenizer.decode({text.tokens.data() + begin, static_cast<std::size_t>(end - begin)}, SkipSpecialTokens::no);
}

TEST(MakeReference, KeepsPromptCompletionAndAnswerApart) {
  const Tokenizer words = tokenizer();

  const auto text = make_reference(words, "2+2+3\n", "2+2=4;4+3=7\nA: 7", "7", 0, 1000, "item");

  const auto end = static_cast<std::int64_t>(text.tokens.size());
  EXPECT_EQ(text_of(words, text, 0, text.prompt_length), "2+2+3\n");
  EXPECT_EQ(text_of(words, text, text.prompt_length, end - 1), "2+2=4;4+3=7\nA: 7");
  EXPECT_THAT(text_of(words, text, text.answer_begin, end - 1), HasSubstr("7"));
  EXPECT_EQ(text_of(words, text, text.answer_begin, end - 1).find('A'), std::string::npos);
  EXPECT_EQ(text.tokens.back(), 0);
}

TEST(MakeReference, WithoutTheAnswerInItScoresTheWholeCompletionAsAnswer) {
  const auto text = make_reference(tokenizer(), "q\n", "no such thing", "7", -1, 1000, "item");

  EXPECT_EQ(text.answer_begin, text.prompt_length);
}

TEST(MakeReference, NamesTheItemThatDoesNotFitOrHasNothingToScore) {
  const Tokenizer words = tokenizer();

  expect_error(ErrorKind::input, HasSubstr("item x-1: prompt and target have"),
               [&] { make_reference(words, "question\n", "a long completion", "a", 0, 5, "item x-1"); });
  expect_error(ErrorKind::input, HasSubstr("item x-2: the target has no tokens"),
               [&] { make_reference(words, "question\n", "", "a", 0, 100, "item x-2"); });
}

TEST(FindAnswerToken, IsTheFirstTokenThatHoldsTheLastOccurrence) {
  const Tokenizer words = tokenizer();
  const std::string completion = "2+2=4;4+3=17\nA: 17";
  const auto tokens = words.encode(completion, AddSpecialTokens::no);

  const auto found = find_answer_token(words, tokens, completion, "17");

  ASSERT_TRUE(found);
  const auto text_of_first = [&](std::int64_t n) {
    return words.decode({tokens.data(), static_cast<std::size_t>(n)}, SkipSpecialTokens::yes);
  };
  EXPECT_LE(text_of_first(*found).size(), completion.rfind("17"));
  EXPECT_GT(text_of_first(*found + 1).size(), completion.rfind("17"));
}

TEST(FindAnswerToken, FindsNothingWithoutAnAnswerInTheText) {
  const Tokenizer words = tokenizer();
  const auto tokens = words.encode("no number", AddSpecialTokens::no);

  EXPECT_FALSE(find_answer_token(words, tokens, "no number", std::nullopt));
  EXPECT_FALSE(find_answer_token(words, tokens, "no number", ""));
  EXPECT_FALSE(find_answer_token(words, tokens, "no number", "17"));
}

}  // namespace
}  // namespace neurosweep
