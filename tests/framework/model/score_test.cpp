#include "framework/model/score.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/model/generate.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::kSameMath;
using testing::random_tokens;
using testing::TinyModel;

TEST(TokenLogprobs, OfABatchEqualTheForwardOfEachSequence) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const std::vector<std::vector<std::int64_t>> sequences = {
        random_tokens(model.arch, 3, 1), random_tokens(model.arch, 20, 2), random_tokens(model.arch, 1, 3)};

    const auto scores = token_logprobs(decoder, sequences);

    ASSERT_EQ(scores.size(), 3u);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto T = static_cast<std::int64_t>(sequences[i].size());
      const at::Tensor logits = decoder.forward(padded_tokens({sequences[i]}), full_rows(1, T, T))[0];
      const at::Tensor expected = at::log_softmax(logits, -1);
      ASSERT_EQ(static_cast<std::int64_t>(scores[i].size()), T - 1);
      for (std::int64_t t = 1; t < T; ++t) {
        const auto token = sequences[i][static_cast<std::size_t>(t)];
        EXPECT_NEAR(scores[i][static_cast<std::size_t>(t - 1)], expected[t - 1][token].item<float>(), kSameMath);
      }
    }
  }
}

TEST(ScoreTokens, OfAGreedyGenerationIsItsLogprobAndArgmax) {
  const TinyModel model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const auto prompt = random_tokens(model.arch, 6, 1);
  const Generation generation = generate(decoder, {{prompt, 0, 10}}, {}, 1)[0];
  std::vector<std::int64_t> tokens = prompt;
  tokens.insert(tokens.end(), generation.tokens.begin(), generation.tokens.end());

  const auto scores = score_tokens(decoder, {{tokens, 6, 6}})[0];

  double sum = 0;
  for (const float logprob : scores.logprobs) sum += logprob;
  EXPECT_NEAR(sum, generation.logprob, 10 * kSameMath);
  EXPECT_EQ(scores.argmax, generation.tokens);
}

TEST(ScoreTokens, ManySequencesComeBackInTheirOrder) {
  const TinyModel model = testing::tiny_qwen2();
  const Decoder decoder = model.decoder();
  std::vector<std::vector<std::int64_t>> sequences;
  for (std::uint64_t i = 0; i < 700; ++i) {
    sequences.push_back(random_tokens(model.arch, 1 + static_cast<std::int64_t>(i * 13 % 31), i));
  }

  const auto together = token_logprobs(decoder, sequences);

  for (std::size_t i = 0; i < sequences.size(); i += 37) {
    const auto alone = token_logprobs(decoder, {sequences[i]})[0];
    ASSERT_EQ(together[i].size(), sequences[i].size() - 1);
    for (std::size_t t = 0; t < alone.size(); ++t) EXPECT_NEAR(together[i][t], alone[t], kSameMath);
  }
}

TEST(ScoreTokens, RejectsWhatHasNoProbability) {
  const Decoder decoder = testing::tiny_llama().decoder();

  expect_error(ErrorKind::input, ::testing::HasSubstr("empty sequence"), [&] { score_tokens(decoder, {{{}, 0, 1}}); });
  expect_error(ErrorKind::input, ::testing::HasSubstr("first_scored 0"), [&] {
    score_tokens(decoder, {{{1, 2}, 0, 0}});
  });
  expect_error(ErrorKind::input, ::testing::HasSubstr("outside the vocabulary of 29"), [&] {
    token_logprobs(decoder, {{1, 2}, {29}});
  });
}

}  // namespace
}  // namespace neurosweep
