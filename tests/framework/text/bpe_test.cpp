#include "framework/text/bpe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char* const kModel =
    R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "aba": 3, "bab": 4, "abab": 5, "<unk>": 6},
  "merges": ["a b", ["ab", "a"], "b ab", "ab ab"]})";

Json model_with(const char* key, const Json& value) {
  Json model = parse_json(kModel, "test");
  model[key] = value;
  return model;
}

std::vector<std::int64_t> tokenize(const Json& model, std::string_view word) {
  std::vector<std::int64_t> ids;
  Bpe(model, "t.json: model").tokenize(word, ids);
  return ids;
}

std::string refusal(const Json& model) {
  try {
    Bpe(model, "t.json: model");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "no error";
}

// Merges the leftmost pair of the lowest rank until none is left.
std::vector<std::string> merge_slowly(std::string_view word,
                                      const std::vector<std::pair<std::string, std::string>>& merges) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.emplace_back(1, c);
  for (;;) {
    std::size_t best_rank = merges.size();
    std::size_t best = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto rank = static_cast<std::size_t>(
          std::find(merges.begin(), merges.end(), std::pair(symbols[i], symbols[i + 1])) - merges.begin());
      if (rank < best_rank) {
        best_rank = rank;
        best = i;
      }
    }
    if (best_rank == merges.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Bpe, MergesTheLowestRankFirstAndOfEqualRanksTheLeftmost) {
  const Json model = parse_json(kModel, "test");

  EXPECT_THAT(tokenize(model, "abab"), ElementsAre(5));
  EXPECT_THAT(tokenize(model, "aba"), ElementsAre(3));
  EXPECT_THAT(tokenize(model, "bab"), ElementsAre(4));
  EXPECT_THAT(tokenize(model, "abaab"), ElementsAre(3, 2));
}

TEST(Bpe, AgreesWithItsSlowTwinOnRandomWords) {
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"a", "b"}, {"b", "c"}, {"ab", "c"}, {"c", "ab"}, {"a", "a"}, {"aa", "bc"}, {"ab", "ab"}, {"cab", "abc"}};
  Json model = {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"c", 2}}}, {"merges", Json::array()}};
  for (const auto& [left, right] : merges) {
    model["merges"].push_back({left, right});
    model["vocab"][left + right] = model["vocab"].size();
  }
  const Bpe bpe(model, "test");
  std::mt19937 random(3);

  for (int i = 0; i < 500; ++i) {
    std::string word(1 + random() % 30, 'a');
    for (char& c : word) c = static_cast<char>('a' + random() % 3);
    std::vector<std::int64_t> ids, expected;
    bpe.tokenize(word, ids);
    for (const auto& symbol : merge_slowly(word, merges)) expected.push_back(*bpe.vocabulary().find(symbol));
    EXPECT_EQ(ids, expected) << word;
  }
}

TEST(Bpe, WritesUnknownCharactersOneByOneOrFused) {
  Json model = model_with("unk_token", "<unk>");

  EXPECT_THAT(tokenize(model, "axyb"), ElementsAre(0, 6, 6, 1));

  model["fuse_unk"] = true;
  EXPECT_THAT(tokenize(model, "axyb"), ElementsAre(0, 6, 1));
}

TEST(Bpe, TakesAWholeWordFromTheVocabularyWhenMergesAreIgnored) {
  Json model = model_with("ignore_merges", true);
  model["vocab"]["bbb"] = 7;

  EXPECT_THAT(tokenize(model, "bbb"), ElementsAre(7));
  EXPECT_THAT(tokenize(model, "bbbb"), ElementsAre(1, 1, 1, 1));
}

TEST(Bpe, RefusesAnUnknownCharacterWithoutUnknownToken) {
  try {
    tokenize(parse_json(kModel, "test"), "aé");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("character 'é' is not in the vocabulary"));
  }
}

TEST(Bpe, NamesWhatIsWrongWithItsFile) {
  EXPECT_THAT(refusal(model_with("dropout", 0.1)), HasSubstr("t.json: model: dropout is not supported"));
  EXPECT_THAT(refusal(model_with("end_of_word_suffix", "</w>")), HasSubstr("end_of_word_suffix '</w>'"));
  EXPECT_THAT(refusal(model_with("continuing_subword_prefix", "##")), HasSubstr("continuing_subword_prefix '##'"));
  EXPECT_THAT(refusal(model_with("unk_token", "<none>")), HasSubstr("unk_token '<none>' is not in the vocabulary"));
  EXPECT_THAT(refusal(model_with("merges", {"a b", "b z"})),
              HasSubstr("merges[1]: token 'z' is not in the vocabulary"));
  EXPECT_THAT(refusal(model_with("merges", {"ab"})), HasSubstr("merges[0] is 'ab', expected two tokens"));
  EXPECT_THAT(refusal(model_with("merges", parse_json(R"([["a", "b", "a"]])", "test"))),
              HasSubstr("merges[0] has 3 parts, expected 2"));
  EXPECT_THAT(refusal(model_with("merges", "a b")), HasSubstr("merges: must be an array"));
  EXPECT_THAT(refusal(model_with("vocab", {{"a", 0}, {"b", 0}})), HasSubstr("id 0 stands for two tokens, 'a' and 'b'"));
  EXPECT_THAT(refusal(model_with("vocab", {{"a", -1}})), HasSubstr("id -1 of token 'a'"));
  EXPECT_THAT(refusal(model_with("vocab", {{"a", "x"}})), HasSubstr("key 'a' must be"));
}

}  // namespace
}  // namespace neurosweep
