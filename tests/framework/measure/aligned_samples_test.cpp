#include "framework/measure/aligned_samples.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>

#include "framework/measure/prompt_activations.hpp"
#include "framework/model/batch.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using testing::expect_close;
using testing::expect_same_bits;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(MeetingTokens, AreThoseThatEndAtTheSameCharacter) {
  const std::vector<std::int64_t> a = {1, 2, 3, 4, 5, 6, 6}, b = {2, -1, 5, 6, 6};

  EXPECT_THAT(meeting_tokens(a, b), ElementsAre(Pair(1, 0), Pair(4, 2), Pair(5, 3)));
  EXPECT_THAT(meeting_tokens(b, a), ElementsAre(Pair(0, 1), Pair(2, 4), Pair(3, 5)));
}

TEST(MeetingTokens, AreAllTokensOfOneTokenizer) {
  const std::vector<std::int64_t> ends = {3, 4, 9};

  EXPECT_THAT(meeting_tokens(ends, ends), ElementsAre(Pair(0, 0), Pair(1, 1), Pair(2, 2)));
  EXPECT_THAT(meeting_tokens(ends, std::vector<std::int64_t>{5}), IsEmpty());
}

TEST(ThinObservations, KeepsTheSamePlacesOfBothEvenlySpread) {
  std::vector<ObservedText> a = {{{}, {0, 1, 2, 3}}, {{}, {4, 5, 6, 7, 8, 9}}};
  std::vector<ObservedText> b = {{{}, {10, 11, 12, 13}}, {{}, {14, 15, 16, 17, 18, 19}}};

  thin_observations(a, b, 5);

  EXPECT_THAT(a[0].at, ElementsAre(1, 3));
  EXPECT_THAT(a[1].at, ElementsAre(5, 7, 9));
  EXPECT_THAT(b[0].at, ElementsAre(11, 13));
  EXPECT_THAT(b[1].at, ElementsAre(15, 17, 19));
  thin_observations(a, b, 5);
  EXPECT_THAT(a[1].at, ElementsAre(5, 7, 9));
}

TEST(ReadSamples, AreWhatAForwardOfTheTextAloneShows) {
  const auto model = testing::tiny_qwen3();
  const Decoder decoder = model.decoder();
  const std::vector<ObservedText> texts = {{testing::random_tokens(model.arch, 9, 1), {2, 8}},
                                           {testing::random_tokens(model.arch, 5, 2), {}},
                                           {testing::random_tokens(model.arch, 4, 3), {0}}};
  const std::vector<LayerIndex> layers = {LayerIndex{0}, LayerIndex{2}};

  const auto samples = read_samples(decoder, texts, layers, SampleKind::token);

  ASSERT_EQ(samples.size(), 2u);
  const BatchRows rows = full_rows(1, 9, 9);
  const at::Tensor end = decoder.run_layers(decoder.embed(padded_tokens({texts[0].tokens}), rows), LayerIndex{0},
                                            LayerIndex{3}, rows, nullptr, nullptr);
  expect_close(samples.at(LayerIndex{2}).residual[1], end[0][8], testing::kSameMath);
  for (const std::int64_t at : {2, 8}) {
    for (std::int64_t i = 0; i < model.arch.M; ++i) {
      const std::vector<NeuronId> neuron = {{LayerIndex{2}, static_cast<NeuronIndex>(i)}};
      EXPECT_NEAR(samples.at(LayerIndex{2}).neurons[at == 2 ? 0 : 1][i].item<float>(),
                  measure_prompt_tokens(decoder, texts[0].tokens, neuron)[static_cast<std::size_t>(at)],
                  testing::kSameMath);
    }
  }
  EXPECT_EQ(samples.at(LayerIndex{0}).neurons.size(0), 3);
}

TEST(ReadSamples, OfMeansAreTheMeansOfTheirTokens) {
  const auto model = testing::tiny_llama();
  const std::vector<ObservedText> texts = {{testing::random_tokens(model.arch, 9, 1), {2, 3, 8}},
                                           {testing::random_tokens(model.arch, 5, 2), {4}}};
  const std::vector<LayerIndex> layers = {LayerIndex{1}};

  const auto tokens = read_samples(model.decoder(), texts, layers, SampleKind::token).at(LayerIndex{1});
  const auto means = read_samples(model.decoder(), texts, layers, SampleKind::mean).at(LayerIndex{1});

  expect_close(means.neurons[0], tokens.neurons.narrow(0, 0, 3).mean(0), testing::kSameMath);
  expect_close(means.residual[0], tokens.residual.narrow(0, 0, 3).mean(0), testing::kSameMath);
  expect_same_bits(means.neurons[1], tokens.neurons[3]);
}

TEST(ReadSamples, OfTheResidualAloneKeepNoNeurons) {
  const auto model = testing::tiny_llama();
  const std::vector<ObservedText> texts = {{testing::random_tokens(model.arch, 9, 1), {2, 3, 8}}};
  const std::vector<LayerIndex> layers = {LayerIndex{1}};

  const auto both = read_samples(model.decoder(), texts, layers, SampleKind::token).at(LayerIndex{1});
  const auto alone =
      read_samples(model.decoder(), texts, layers, SampleKind::token, SampleSites::residual).at(LayerIndex{1});

  EXPECT_FALSE(alone.neurons.defined());
  expect_same_bits(alone.residual, both.residual);
}

TEST(ReadSamples, NeedAnObservedToken) {
  const auto model = testing::tiny_llama();
  const std::vector<ObservedText> texts = {{testing::random_tokens(model.arch, 9, 1), {}}};
  const std::vector<LayerIndex> layers = {LayerIndex{1}};

  expect_error(ErrorKind::input, HasSubstr("nothing to compare"),
               [&] { read_samples(model.decoder(), texts, layers, SampleKind::token); });
}

}  // namespace
}  // namespace neurosweep
