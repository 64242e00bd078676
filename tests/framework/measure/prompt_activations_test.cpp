#include "framework/measure/prompt_activations.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "framework/model/batch.hpp"
#include "tests/support/tiny_model.hpp"

namespace neurosweep {
namespace {

/// Keeps a copy of what it sees.
class Recorder final : public ActivationHook {
 public:
  bool wants(Site site, LayerIndex) const override { return site == Site::neuron; }
  void visit(Site site, LayerIndex, at::Tensor& x, const BatchRows&) override {
    if (site == Site::neuron) layers.push_back(x.detach().clone().select(0, 0));
  }
  std::vector<at::Tensor> layers;  ///< [T, M]
};

at::Tensor all_activations(const Decoder& decoder, const std::vector<std::int64_t>& prompt) {
  Recorder recorder;
  const auto T = static_cast<std::int64_t>(prompt.size());
  decoder.forward(padded_tokens({prompt}), full_rows(1, T, T), &recorder);
  return at::cat(recorder.layers, 1);
}

TEST(PromptActivations, AreThoseOfAForwardOverThePrompt) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const auto prompt = testing::random_tokens(model.arch, 7, 3);
    const std::vector<NeuronId> neurons = {
        {LayerIndex(0), NeuronIndex(2)}, {LayerIndex(1), NeuronIndex(0)}, {LayerIndex(1), NeuronIndex(3)}};

    const auto means = measure_prompt_means(decoder, prompt);
    const auto tokens = measure_prompt_tokens(decoder, prompt, neurons);

    const at::Tensor a = all_activations(decoder, prompt);
    ASSERT_EQ(static_cast<std::int64_t>(means.size()), model.arch.L * model.arch.M);
    EXPECT_TRUE(at::allclose(at::tensor(means), a.mean(0), 1e-4, 1e-5));
    ASSERT_EQ(tokens.size(), 7u * 3u);
    const std::int64_t M = model.arch.M;
    EXPECT_TRUE(at::allclose(at::tensor(tokens).view({7, 3}),
                             a.index_select(1, at::tensor({std::int64_t{2}, M, M + 3})), 1e-4, 1e-5));
  }
}

TEST(PromptActivations, RefuseAPromptThatTheModelCannotRead) {
  const auto model = testing::tiny_models().front();
  const Decoder decoder = model.decoder();
  const std::vector<NeuronId> absent = {{LayerIndex(99), NeuronIndex(0)}};

  EXPECT_THROW(measure_prompt_means(decoder, {}), Error);
  EXPECT_THROW(measure_prompt_means(decoder, std::vector<std::int64_t>(model.arch.context + 1, 1)), Error);
  EXPECT_THROW(measure_prompt_tokens(decoder, {1}, absent), Error);
}

}  // namespace
}  // namespace neurosweep
