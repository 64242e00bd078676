#include "framework/intervene/neuron_means.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/model/generate.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using testing::kSameMath;
using testing::kSlowTwin;
using testing::random_tokens;
using testing::TinyModel;

/// Mean over positions [begin, end) by the slow twin, [L * M].
at::Tensor slow_means(const TinyModel& model, const std::vector<std::int64_t>& tokens, std::int64_t begin,
                      std::int64_t end) {
  const auto run = testing::reference_forward(model.arch, model.weights, tokens);
  std::vector<at::Tensor> layers;
  for (const auto& neuron : run.neuron) layers.push_back(testing::tensor_of(neuron).slice(0, begin, end).mean(0));
  return at::cat(layers);
}

TEST(NeuronMeans, OfGenerationsAreOverTheFedGeneratedTokens) {
  for (const auto& model : testing::tiny_models()) {
    std::vector<GenerationRequest> requests;
    for (std::uint64_t i = 0; i < 12; ++i) {
      const auto length = 1 + static_cast<std::int64_t>(i * 3 % 5);
      requests.push_back({random_tokens(model.arch, length, i), i, 2 + static_cast<std::int64_t>(i * 5 % 7)});
    }
    NeuronMeans means(model.arch);

    const auto results = generate(model.decoder(), requests, {}, 3, &means);

    for (std::size_t i = 0; i < requests.size(); ++i) {
      std::vector<std::int64_t> tokens = requests[i].prompt;
      tokens.insert(tokens.end(), results[i].tokens.begin(), results[i].tokens.end());
      const auto begin = static_cast<std::int64_t>(requests[i].prompt.size());
      const auto end = static_cast<std::int64_t>(tokens.size()) - 1;
      const auto sequence = static_cast<std::int64_t>(i);
      EXPECT_EQ(means.count(sequence), end - begin);
      expect_close(means.take(sequence), slow_means(model, tokens, begin, end), kSlowTwin);
    }
  }
}

TEST(NeuronMeans, OfAGivenTraceEqualThoseOfItsGeneration) {
  const TinyModel model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const auto prompt = random_tokens(model.arch, 4, 1);
  NeuronMeans generated(model.arch), given(model.arch);
  const auto result = generate(decoder, {{prompt, 0, 9}}, {}, 1, &generated)[0];
  std::vector<std::int64_t> fed = prompt;
  fed.insert(fed.end(), result.tokens.begin(), result.tokens.end() - 1);

  BatchRows rows = padded_rows({2, 12}, {2, 4});
  rows.sequence = {7, 8};
  decoder.forward(padded_tokens({{1, 2}, fed}), rows, &given);

  EXPECT_EQ(given.count(7), 0);
  EXPECT_EQ(given.count(8), 8);
  expect_close(given.take(8), generated.take(0), kSameMath);
}

TEST(NeuronMeans, ATakenSequenceStartsAnew) {
  const ArchSpec arch = testing::tiny_llama().arch;
  NeuronMeans means(arch);
  const auto feed = [&](double value) {
    for (std::int32_t l = 0; l < arch.L; ++l) {
      at::Tensor x = at::full({1, 2, arch.M}, value);
      means.visit(Site::neuron, static_cast<LayerIndex>(l), x, full_rows(1, 2, 0));
    }
  };
  feed(1.0);
  means.take(0);

  feed(3.0);

  expect_close(means.take(0), at::full({arch.L * arch.M}, 3.0F), 0);
}

TEST(NeuronMeans, WithoutAGeneratedTokenIsAnError) {
  const TinyModel model = testing::tiny_llama();
  NeuronMeans means(model.arch);
  generate(model.decoder(), {{{1, 2, 3}, 0, 1}}, {}, 1, &means);

  EXPECT_EQ(means.count(0), 0);
  expect_error(ErrorKind::input, ::testing::HasSubstr("sequence 0 has no generated token"), [&] { means.take(0); });
}

}  // namespace
}  // namespace neurosweep
