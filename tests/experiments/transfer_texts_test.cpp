#include "experiments/transfer_texts.hpp"

#include <gmock/gmock.h>

namespace neurosweep {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class SharedTextTest : public ::testing::TestWithParam<SampleKind> {
 protected:
  // A text behind a prompt of one token, or none.
  ModelReading reading(const std::string& text, const std::string& before, std::int64_t prompt_length) const {
    ReferenceText read;
    read.tokens = tokenizer_.encode(before, AddSpecialTokens::no);
    const auto rest = tokenizer_.encode(text, AddSpecialTokens::no);
    read.tokens.insert(read.tokens.end(), rest.begin(), rest.end());
    read.prompt_length = prompt_length;
    return {tokenizer_, std::move(read)};
  }

  SharedTexts shared(const std::string& text, const std::string& donor, const std::string& receiver) const {
    SharedTexts texts;
    add_shared_text(texts, GetParam(), text, reading(text, donor, donor.empty() ? 0 : 1),
                    reading(text, receiver, receiver.empty() ? 0 : 1));
    return texts;
  }

  Tokenizer tokenizer_ = Tokenizer::load(NS_SOURCE_DIR "/experiments/models/reasoner-small");
  std::string text_ = "order: Gus";
  std::size_t n_ = tokenizer_.encode(text_, AddSpecialTokens::no).size();
};

TEST_P(SharedTextTest, IsNeverObservedAtTheFirstTokenOfASequence) {
  const SharedTexts texts = shared(text_, "", "");

  EXPECT_THAT(texts.donor[0].at, SizeIs(n_ - 1));
  EXPECT_THAT(texts.donor[0].at, Each(Gt(0)));
  EXPECT_EQ(texts.receiver[0].at, texts.donor[0].at);
}

TEST_P(SharedTextTest, IsObservedAtItsFirstTokenBehindAPrompt) {
  const SharedTexts both = shared(text_, "<|endoftext|>", "<|endoftext|>");
  const SharedTexts one = shared(text_, "<|endoftext|>", "");

  EXPECT_THAT(both.donor[0].at, SizeIs(n_));
  EXPECT_THAT(one.receiver[0].at, Not(Contains(0)));
  EXPECT_THAT(one.receiver[0].at, SizeIs(n_ - 1));
}

TEST_P(SharedTextTest, OfOneTokenIsLeftOut) {
  const SharedTexts texts = shared("a", "", "");

  ASSERT_THAT(texts.donor, SizeIs(1));
  EXPECT_THAT(texts.donor[0].at, IsEmpty());
  EXPECT_THAT(texts.receiver[0].at, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Kinds, SharedTextTest, ::testing::Values(SampleKind::token, SampleKind::mean),
                         [](const auto& kind) { return kind.param == SampleKind::token ? "Tokens" : "Means"; });

}  // namespace
}  // namespace neurosweep
