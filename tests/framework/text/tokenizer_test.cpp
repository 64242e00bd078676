#include "framework/text/tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "framework/base/error.hpp"
#include "framework/config/json.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kFolder = NS_SOURCE_DIR "/tests/golden/tokenizers/";

Json words_file() {
  return parse_json(R"({"added_tokens": [{"id": 3, "content": "<s>", "special": true}],
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "one": 1, "two": 2}, "unk_token": "<unk>"}})",
                    "test");
}

class TokenizerFile : public ::testing::Test {
 protected:
  Tokenizer load(const Json& file) {
    testing::write_file(dir_.file("tokenizer.json"), json_text(file));
    return Tokenizer::load(dir_.path().string());
  }

  std::string refusal(const Json& file) {
    try {
      load(file);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      return error.what();
    }
    return "no error";
  }

  testing::TempDir dir_;
};

TEST_F(TokenizerFile, MapsWordsAndKnowsItsVocabulary) {
  const Tokenizer tokenizer = load(words_file());

  EXPECT_THAT(tokenizer.encode("two  one\nthree<s>one", AddSpecialTokens::no), ElementsAre(2, 1, 0, 3, 1));
  EXPECT_EQ(tokenizer.vocabulary_size(), 4);
  EXPECT_EQ(tokenizer.token_id("two"), 2);
  EXPECT_EQ(tokenizer.token_id("<s>"), 3);
  EXPECT_EQ(tokenizer.token_id("six"), std::nullopt);
  EXPECT_EQ(tokenizer.token_text(1), "one");
  EXPECT_EQ(tokenizer.token_text(4), std::nullopt);
}

TEST_F(TokenizerFile, SkipsSpecialTokensAndIdsWithoutTokenInDecoding) {
  const Tokenizer tokenizer = load(words_file());
  const std::vector<std::int64_t> ids = {3, 1, 900, 2};

  EXPECT_EQ(tokenizer.decode(ids, SkipSpecialTokens::no), "<s> one two");
  EXPECT_EQ(tokenizer.decode(ids, SkipSpecialTokens::yes), "one two");
  EXPECT_THROW(tokenizer.decode(std::vector<std::int64_t>{-1}, SkipSpecialTokens::no), Error);
}

TEST_F(TokenizerFile, TakesSpecialIdsFromItsConfig) {
  testing::write_file(dir_.file("tokenizer_config.json"),
                      R"({"bos_token": null, "eos_token": {"content": "<s>", "special": true}, "pad_token": "two"})");

  const Tokenizer tokenizer = load(words_file());

  EXPECT_EQ(tokenizer.bos(), std::nullopt);
  EXPECT_EQ(tokenizer.eos(), 3);
  EXPECT_EQ(tokenizer.pad(), 2);
}

TEST_F(TokenizerFile, NamesAConfigTokenThatIsNotInTheVocabulary) {
  testing::write_file(dir_.file("tokenizer_config.json"), R"({"eos_token": "</s>"})");

  EXPECT_THAT(refusal(words_file()), AllOf(HasSubstr("tokenizer_config.json"), HasSubstr("eos_token '</s>'")));
}

TEST_F(TokenizerFile, NamesThePartThatIsNotSupportedAndThoseThatAre) {
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor", "decoder", "model"}) {
    Json file = words_file();
    file[part] = {{"type", "Strange"}};
    EXPECT_THAT(refusal(file), AllOf(HasSubstr(fmt::format("tokenizer.json: {}", part)), HasSubstr("type 'Strange'"),
                                     HasSubstr("supported are")));
  }
}

TEST_F(TokenizerFile, NamesThePlaceOfAFaultInASequence) {
  Json file = words_file();
  file["pre_tokenizer"] = parse_json(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits"},
    {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Sideways", "invert": false}]})",
                                     "test");

  EXPECT_THAT(refusal(file), AllOf(HasSubstr("pre_tokenizer.pretokenizers[1]"), HasSubstr("'Sideways'")));
}

TEST_F(TokenizerFile, RefusesFilesThatContradictThemselves) {
  Json no_model = words_file();
  no_model.erase("model");
  Json taken_id = words_file();
  taken_id["added_tokens"][0]["id"] = 1;
  Json other_id = words_file();
  other_id["added_tokens"][0]["content"] = "two";
  Json unknown_frame = words_file();
  unknown_frame["post_processor"] = parse_json(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "x"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"x": {"ids": [77]}}})",
                                               "test");

  EXPECT_THAT(refusal(no_model), HasSubstr("missing key 'model'"));
  EXPECT_THAT(refusal(taken_id), HasSubstr("id 1 stands for two tokens"));
  EXPECT_THAT(refusal(other_id), HasSubstr("token 'two' has two ids, 2 and 3"));
  EXPECT_THAT(refusal(unknown_frame), HasSubstr("post_processor: id 77 is not in the vocabulary"));
}

TEST_F(TokenizerFile, IsAnIoErrorWhereAbsentAndAnInputErrorWhereCutOff) {
  try {
    Tokenizer::load(dir_.path().string());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), HasSubstr("tokenizer.json"));
  }
  const std::string whole = testing::read_file(kFolder + "gpt2/tokenizer.json");
  testing::write_file(dir_.file("tokenizer.json"), whole.substr(0, whole.size() / 2));
  EXPECT_THROW(Tokenizer::load(dir_.path().string()), Error);
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  const auto tokenizer = Tokenizer::load(kFolder + "gpt2");

  try {
    tokenizer.encode("abc\xFFz", AddSpecialTokens::no);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_THAT(error.what(), HasSubstr("byte 0xff at offset 3"));
  }
}

TEST(Tokenizer, AddsSpecialTokensOnlyWhenAsked) {
  const auto tokenizer = Tokenizer::load(kFolder + "byte_fallback");

  EXPECT_THAT(tokenizer.encode("", AddSpecialTokens::yes), ElementsAre(1, 2));
  EXPECT_TRUE(tokenizer.encode("", AddSpecialTokens::no).empty());
}

TEST(Tokenizer, GivesTheSameIdsInEveryThread) {
  const auto tokenizer = Tokenizer::load(kFolder + "llama3");
  std::string text;
  for (int i = 0; i < 2000; ++i) text += fmt::format("word{} naïve\n", i * 7919);
  const auto expected = Tokenizer::load(kFolder + "llama3").encode(text, AddSpecialTokens::no);
  std::vector<std::vector<std::int64_t>> found(4);

  std::vector<std::thread> threads;
  for (auto& ids : found) threads.emplace_back([&] { ids = tokenizer.encode(text, AddSpecialTokens::no); });
  for (auto& thread : threads) thread.join();

  for (const auto& ids : found) EXPECT_EQ(ids, expected);
}

}  // namespace
}  // namespace neurosweep
