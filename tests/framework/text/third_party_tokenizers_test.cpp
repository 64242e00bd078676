#include <gtest/gtest.h>

#include <fmt/format.h>

#include <sstream>

#include "framework/text/tokenizer.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

const std::string kSeparator = "\n__ggml_vocab_test__\n";

std::vector<std::string> split_texts(const std::string& file) {
  std::vector<std::string> texts;
  std::size_t begin = 0;
  for (auto end = file.find(kSeparator); end != std::string::npos; end = file.find(kSeparator, begin)) {
    texts.push_back(file.substr(begin, end - begin));
    begin = end + kSeparator.size();
  }
  return texts;
}

std::vector<std::vector<std::int64_t>> read_id_lines(const std::string& file) {
  std::vector<std::vector<std::int64_t>> rows;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    rows.emplace_back();
    for (std::int64_t id = 0; words >> id;) rows.back().push_back(id);
  }
  return rows;
}

struct PublishedCase {
  const char* name;
  const char* tokenizer;
  const char* vectors;
};

class PublishedVectors : public ::testing::TestWithParam<PublishedCase> {};

TEST_P(PublishedVectors, AreMet) {
  const auto tokenizer_path = testing::shared_path(std::string("data/tok/") + GetParam().tokenizer);
  const auto inputs = testing::shared_path(fmt::format("data/tok/llama_cpp/{}.inp", GetParam().vectors));
  const auto outputs = testing::shared_path(fmt::format("data/tok/llama_cpp/{}.out", GetParam().vectors));
  if (!tokenizer_path || !inputs || !outputs) GTEST_SKIP() << "the third-party tokenizers are not here";
  const auto tokenizer = Tokenizer::load(tokenizer_path->string());
  const auto texts = split_texts(testing::read_file(inputs->string()));
  const auto expected = read_id_lines(testing::read_file(outputs->string()));
  ASSERT_EQ(texts.size(), expected.size());

  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(texts[i], AddSpecialTokens::no), expected[i]) << texts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(LlamaCpp, PublishedVectors,
                         ::testing::Values(PublishedCase{"gpt2", "gpt2/tokenizer.json", "ggml-vocab-gpt-2.gguf"},
                                           PublishedCase{"neox", "neox/20B_tokenizer.json", "ggml-vocab-mpt.gguf"}),
                         [](const auto& item) { return item.param.name; });

class PublishedTokenizer : public ::testing::TestWithParam<const char*> {};

TEST_P(PublishedTokenizer, GivesATextBack) {
  const auto path = testing::shared_path(std::string("data/tok/") + GetParam());
  const auto corpus = testing::shared_path("data/bench/text_control/tinyshakespeare.txt");
  if (!path || !corpus) GTEST_SKIP() << "the third-party tokenizers or texts are not here";
  const auto tokenizer = Tokenizer::load(path->string());
  const std::string text = testing::read_file(corpus->string());

  const auto ids = tokenizer.encode(text, AddSpecialTokens::no);

  EXPECT_LT(ids.size(), text.size() / 2);
  EXPECT_EQ(tokenizer.decode(ids, SkipSpecialTokens::no), text);
}

INSTANTIATE_TEST_SUITE_P(Large, PublishedTokenizer,
                         ::testing::Values("gpt2/tokenizer.json", "neox/20B_tokenizer.json", "olmo/allenai_dolma2.json",
                                           "olmo/allenai_gpt-neox-olmo-dolma-v1_5.json"));

}  // namespace
}  // namespace neurosweep
