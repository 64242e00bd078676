#include "framework/intervene/neuron_last.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "framework/model/generate.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using testing::kSlowTwin;
using testing::random_tokens;
using testing::TinyModel;

at::Tensor slow_last(const TinyModel& model, const std::vector<std::int64_t>& fed) {
  const auto run = testing::reference_forward(model.arch, model.weights, fed);
  std::vector<at::Tensor> layers;
  for (const auto& neuron : run.neuron) layers.push_back(testing::tensor_of(neuron).select(0, -1));
  return at::cat(layers);
}

TEST(NeuronLast, OfGenerationsIsAtTheLastFedGeneratedToken) {
  for (const auto& model : testing::tiny_models()) {
    std::vector<GenerationRequest> requests;
    for (std::uint64_t i = 0; i < 12; ++i) {
      const auto length = 1 + static_cast<std::int64_t>(i * 3 % 5);
      requests.push_back({random_tokens(model.arch, length, i), i, 2 + static_cast<std::int64_t>(i * 5 % 7)});
    }
    NeuronLast last(model.arch);

    const auto results = generate(model.decoder(), requests, {}, 3, &last);

    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto sequence = static_cast<std::int64_t>(i);
      ASSERT_EQ(last.has(sequence), results[i].tokens.size() > 1);
      if (!last.has(sequence)) continue;
      std::vector<std::int64_t> fed = requests[i].prompt;
      fed.insert(fed.end(), results[i].tokens.begin(), results[i].tokens.end() - 1);
      expect_close(last.of(sequence), slow_last(model, fed), kSlowTwin);
    }
  }
}

TEST(NeuronLast, OfAGivenTraceIgnoresPaddingAndPrompts) {
  const TinyModel model = testing::tiny_llama();
  const auto tokens = random_tokens(model.arch, 6, 1);
  NeuronLast last(model.arch);
  BatchRows rows = padded_rows({2, 6}, {2, 4});
  rows.sequence = {7, 8};

  model.decoder().forward(padded_tokens({{1, 2}, tokens}), rows, &last);

  EXPECT_FALSE(last.has(7));
  expect_close(last.of(8), slow_last(model, tokens), kSlowTwin);
  expect_error(ErrorKind::input, ::testing::HasSubstr("sequence 7 has no generated token"), [&] { last.of(7); });
}

}  // namespace
}  // namespace neurosweep
