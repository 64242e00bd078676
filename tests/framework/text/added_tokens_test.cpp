#include "framework/text/added_tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

AddedToken make_token(std::int64_t id, const char* content) {
  AddedToken token;
  token.id = id;
  token.content = content;
  return token;
}

// Tokens as "#id", plain text as it is.
std::vector<std::string> cut(const std::vector<AddedToken>& tokens, std::string_view text, Normalizer normalizer) {
  std::vector<std::string> parts;
  for (const auto& part : AddedTokens(tokens, std::move(normalizer)).cut(text)) {
    parts.push_back(part.token ? fmt::format("#{}", *part.token) : part.piece.text);
  }
  return parts;
}

std::vector<std::string> cut(const std::vector<AddedToken>& tokens, std::string_view text) {
  return cut(tokens, text, [](std::string&) {});
}

void shout(std::string& text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
}

TEST(AddedTokens, TakesTheLongestAtTheLeftmostPlace) {
  const std::vector<AddedToken> tokens = {make_token(1, "ab"), make_token(2, "abc"), make_token(3, "bcd")};

  EXPECT_THAT(cut(tokens, "xabcdab"), ElementsAre("x", "#2", "d", "#1"));
}

TEST(AddedTokens, StripsWhiteSpaceOnTheSidesAsked) {
  AddedToken left = make_token(1, "<l>");
  left.lstrip = true;
  AddedToken right = make_token(2, "<r>");
  right.rstrip = true;

  EXPECT_THAT(cut({left, right}, "a \u3000<l> b <r>\n\u00A0c"), ElementsAre("a", "#1", " b ", "#2", "c"));
}

TEST(AddedTokens, TakesASingleWordOnlyOnItsOwn) {
  AddedToken word = make_token(1, "and");
  word.single_word = true;

  EXPECT_THAT(cut({word}, "and sand (and) andé"), ElementsAre("#1", " sand (", "#1", ") andé"));
}

TEST(AddedTokens, LooksForRawTokensBeforeAndForNormalizedOnesAfterNormalising) {
  AddedToken raw = make_token(1, "<x>");
  raw.normalized = false;
  const AddedToken normalized = make_token(2, "<y>");

  EXPECT_THAT(cut({raw, normalized}, "a<x><X><y><Y>b", shout), ElementsAre("A", "#1", "<X>", "#2", "#2", "B"));
}

TEST(AddedTokens, ReadsNothingFromNullAndNamesWhatIsMissing) {
  EXPECT_TRUE(read_added_tokens(Json(), "t.json: added_tokens").empty());
  try {
    read_added_tokens(parse_json(R"([{"id": 1, "content": "a"}, {"id": 2}])", "t"), "t.json: added_tokens");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("t.json: added_tokens[1]: missing key 'content'"));
  }
}

}  // namespace
}  // namespace neurosweep
