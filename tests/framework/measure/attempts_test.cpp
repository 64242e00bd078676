#include "framework/measure/attempts.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/intervene/neuron_last.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/tiny_model.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;

class AttemptsTest : public ::testing::Test {
 protected:
  AttemptsTest()
      : decoder_(testing::tiny_llama().decoder()),
        tokenizer_(Tokenizer::load(std::string(NS_SOURCE_DIR) + "/tests/golden/tokenizers/word_level")),
        grader_(make_grader("exact")) {}

  std::vector<Attempt> attempt(const std::vector<AttemptRequest>& requests, KeepMeans keep, double temperature = 0) {
    return measure_attempts(decoder_, tokenizer_, *grader_, requests, {{temperature, 1}, 6, 2}, keep);
  }
  std::string prompt() const { return *tokenizer_.token_text(3) + " " + *tokenizer_.token_text(4); }

  Decoder decoder_;
  Tokenizer tokenizer_;
  std::unique_ptr<Grader> grader_;
};

TEST_F(AttemptsTest, AreGradedAgainstTheExpectedAnswer) {
  const std::string said = attempt({{prompt(), "-", 0, {}}}, KeepMeans::no)[0].completion;

  const auto attempts = attempt({{prompt(), said, 0, {}}, {prompt(), said + " and more", 0, {}}}, KeepMeans::no);

  EXPECT_TRUE(attempts[0].correct);
  EXPECT_FALSE(attempts[1].correct);
  EXPECT_EQ(attempts[0].n_prompt_tokens, 2);
  EXPECT_TRUE(attempts[0].means.empty());
}

TEST_F(AttemptsTest, WithTheSameSeedAreTheSameAndMeansAreOfTheModelsSize) {
  const auto attempts =
      attempt({{prompt(), "-", 7, {}}, {prompt(), "-", 7, {}}, {prompt(), "-", 8, {}}}, KeepMeans::yes, 1.0);

  EXPECT_EQ(attempts[0].completion, attempts[1].completion);
  EXPECT_EQ(attempts[0].means, attempts[1].means);
  const auto& arch = decoder_.arch();
  EXPECT_EQ(static_cast<std::int64_t>(attempts[2].means.size()), arch.L * arch.M);
  EXPECT_GE(attempts[2].n_mean_tokens, 1);
}

TEST_F(AttemptsTest, AreShownToObserversByTheIndexOfTheirRequest) {
  NeuronLast last(decoder_.arch());

  const auto attempts = measure_attempts(decoder_, tokenizer_, *grader_,
                                         std::vector<AttemptRequest>{{prompt(), "-", 7, {}}, {prompt(), "-", 7, {}}},
                                         {{1.0, 1}, 6, 1}, KeepMeans::yes, {&last, nullptr});

  ASSERT_GE(attempts[0].n_mean_tokens, 1);
  EXPECT_TRUE(at::equal(last.of(0), last.of(1)));
  EXPECT_FALSE(last.has(2));
}

TEST_F(AttemptsTest, AnInterventionActsOnItsOwnAttemptOnly) {
  const SweepArm strong{{LayerIndex(0), NeuronIndex(0)}, InterventionKind::set, 500, Span::all};

  const auto attempts =
      attempt({{prompt(), "-", 0, {}}, {prompt(), "-", 0, {strong}}, {prompt(), "-", 0, {}}}, KeepMeans::no);

  EXPECT_EQ(attempts[0].completion, attempts[2].completion);
  EXPECT_NE(attempts[0].logprob, attempts[1].logprob);
}

TEST_F(AttemptsTest, AnInterventionThatCannotApplyIsAnError) {
  const SweepArm outside{{LayerIndex(0), NeuronIndex(9999)}, InterventionKind::zero, 0, Span::all};

  expect_error(ErrorKind::input, HasSubstr("9999"), [&] { attempt({{prompt(), "-", 0, {outside}}}, KeepMeans::no); });
}

}  // namespace
}  // namespace neurosweep
