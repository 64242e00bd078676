#include "framework/text/token_ends.hpp"

#include <gmock/gmock.h>

#include "framework/config/json.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;

Tokenizer byte_level(const testing::TempDir& dir, const Json& vocabulary, const Json& merges) {
  const Json file = {{"added_tokens", {{{"id", 0}, {"content", "<eos>"}, {"special", true}}}},
                     {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
                     {"decoder", {{"type", "ByteLevel"}}},
                     {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}}};
  testing::write_file(dir.file("tokenizer.json"), json_text(file));
  return Tokenizer::load(dir.path().string());
}

TEST(TokenEnds, CountTheBytesThatTokensHaveSpelled) {
  const testing::TempDir dir;
  const Tokenizer tokenizer =
      byte_level(dir, {{"<eos>", 0}, {"a", 1}, {"b", 2}, {"c", 3}, {"ab", 4}}, Json::array({"a b"}));
  auto tokens = tokenizer.encode("abcab", AddSpecialTokens::no);
  tokens.push_back(0);

  EXPECT_THAT(token_ends(tokenizer, tokens, "abcab"), ElementsAre(2, 3, 5, 5));
}

TEST(TokenEnds, AreUnknownWithinACharacter) {
  const testing::TempDir dir;
  const Tokenizer tokenizer = byte_level(dir, {{"<eos>", 0}, {"a", 1}, {"Ã", 2}, {"©", 3}}, Json::array());
  const auto tokens = tokenizer.encode("aéa", AddSpecialTokens::no);

  EXPECT_THAT(tokens, ElementsAre(1, 2, 3, 1));
  EXPECT_THAT(token_ends(tokenizer, tokens, "aéa"), ElementsAre(1, -1, 3, 4));
}

}  // namespace
}  // namespace neurosweep
