#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "framework/config/json.hpp"
#include "framework/text/normalizer.hpp"
#include "framework/text/pre_tokenizer.hpp"
#include "framework/text/tokenizer.hpp"

namespace neurosweep {
namespace {

const std::string kFolder = NS_SOURCE_DIR "/tests/golden/tokenizers/";

std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<Json> read_json_lines(const std::string& path) {
  std::vector<Json> values;
  for (const std::string& line : read_lines(path)) values.push_back(parse_json(line, path));
  return values;
}

std::vector<std::int64_t> parse_ids(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::int64_t> ids;
  for (std::int64_t id = 0; stream >> id;) ids.push_back(id);
  return ids;
}

class TokenizerGolden : public ::testing::TestWithParam<const char*> {
 protected:
  const std::string folder_ = kFolder + GetParam();
  const Tokenizer tokenizer_ = Tokenizer::load(folder_);
  const std::vector<Json> texts_ = read_json_lines(kFolder + "texts.jsonl");
  const std::vector<std::string> ids_ = read_lines(folder_ + "/ids.txt");
};

TEST_P(TokenizerGolden, EncodesAsHuggingFaceDoes) {
  ASSERT_EQ(ids_.size(), texts_.size());

  for (std::size_t i = 0; i < texts_.size(); ++i) {
    EXPECT_EQ(tokenizer_.encode(texts_[i].get<std::string>(), AddSpecialTokens::yes), parse_ids(ids_[i])) << texts_[i];
  }
}

TEST_P(TokenizerGolden, DecodesAsHuggingFaceDoes) {
  const auto decoded = read_json_lines(folder_ + "/decoded.jsonl");
  ASSERT_EQ(decoded.size(), texts_.size());

  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const Json& expected = decoded[i].is_null() ? texts_[i] : decoded[i];
    EXPECT_EQ(tokenizer_.decode(parse_ids(ids_[i]), SkipSpecialTokens::yes), expected.get<std::string>()) << texts_[i];
  }
}

TEST_P(TokenizerGolden, DecodesRandomIdsAsHuggingFaceDoes) {
  const auto soup = read_json_lines(folder_ + "/soup.jsonl");
  ASSERT_FALSE(soup.empty());

  for (const Json& item : soup) {
    const auto ids = item[0].get<std::vector<std::int64_t>>();
    EXPECT_EQ(tokenizer_.decode(ids, SkipSpecialTokens::no), item[1].get<std::string>()) << item[0];
  }
}

INSTANTIATE_TEST_SUITE_P(Small, TokenizerGolden,
                         ::testing::Values("gpt2", "gpt2_prefix", "llama3", "qwen2", "byte_fallback", "metaspace",
                                           "word_level"),
                         [](const auto& tokenizer) { return tokenizer.param; });

class ByteLevelRoundTrip : public ::testing::TestWithParam<const char*> {};

TEST_P(ByteLevelRoundTrip, GivesEveryTextBack) {
  const auto tokenizer = Tokenizer::load(kFolder + GetParam());

  for (const Json& item : read_json_lines(kFolder + "texts.jsonl")) {
    const auto text = item.get<std::string>();
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, AddSpecialTokens::no), SkipSpecialTokens::no), text);
  }
}

INSTANTIATE_TEST_SUITE_P(Small, ByteLevelRoundTrip, ::testing::Values("gpt2", "llama3"),
                         [](const auto& tokenizer) { return tokenizer.param; });

TEST(TokenizerParts, NormalizeAndSplitAsHuggingFaceDoes) {
  for (const Json& item : read_json_lines(kFolder + "parts.jsonl")) {
    const auto text = item["text"].get<std::string>();
    Json result;
    if (item["part"] == "normalizer") {
      std::string normalized = text;
      make_normalizer(item["spec"], "spec")(normalized);
      result = normalized;
    } else {
      std::vector<TextPiece> pieces = {{text, true}};
      make_pre_tokenizer(item["spec"], "spec")(pieces);
      result = Json::array();
      for (const TextPiece& piece : pieces) result.push_back(piece.text);
    }
    EXPECT_EQ(result, item["result"]) << item;
  }
}

}  // namespace
}  // namespace neurosweep
