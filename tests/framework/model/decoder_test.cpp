#include "framework/model/decoder.hpp"

#include <map>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/for_each_family.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using testing::expect_same_bits;
using testing::kSameMath;
using testing::kSlowTwin;
using testing::random_tokens;
using testing::tensor_of;
using testing::TinyModel;

/// Keeps a copy of what every site of every layer held.
class Recorder final : public ActivationHook {
 public:
  bool wants(Site, LayerIndex) const override { return true; }
  void visit(Site site, LayerIndex layer, at::Tensor& x, const BatchRows&) override { seen[{site, layer}] = x.clone(); }

  std::map<std::pair<Site, LayerIndex>, at::Tensor> seen;
};

using DecoderOfEachFamily = testing::ForEachFamily;

INSTANTIATE_TEST_SUITE_P(Families, DecoderOfEachFamily, testing::each_family(), testing::family_name);

TEST_P(DecoderOfEachFamily, MatchesTheSlowTwinAtEverySite) {
  const auto tokens = random_tokens(model_.arch, 13, 5);
  Recorder recorder;

  const at::Tensor logits = model_.decoder().forward(padded_tokens({tokens}), full_rows(1, 13, 4), &recorder);
  const auto expected = testing::reference_forward(model_.arch, model_.weights, tokens);

  expect_close(logits[0], tensor_of(expected.logits), kSlowTwin);
  for (std::int64_t l = 0; l < model_.arch.L; ++l) {
    const auto layer = static_cast<LayerIndex>(l);
    const auto index = static_cast<std::size_t>(l);
    expect_close(recorder.seen.at({Site::neuron, layer})[0], tensor_of(expected.neuron[index]), kSlowTwin);
    expect_close(recorder.seen.at({Site::residual, layer})[0], tensor_of(expected.residual[index]), kSlowTwin);
  }
}

TEST_P(DecoderOfEachFamily, AddsBothOutputsToTheResidual) {
  const auto tokens = random_tokens(model_.arch, 6, 8);
  Recorder recorder;

  model_.decoder().forward(padded_tokens({tokens}), full_rows(1, 6, 6), &recorder);

  const auto& before = recorder.seen.at({Site::residual, LayerIndex{0}});
  const auto& attention = recorder.seen.at({Site::attention_out, LayerIndex{1}});
  const auto& mlp = recorder.seen.at({Site::mlp_out, LayerIndex{1}});
  expect_close(recorder.seen.at({Site::residual, LayerIndex{1}}), before + attention + mlp, kSameMath);
}

TEST_P(DecoderOfEachFamily, PaddedBatchEqualsOneByOne) {
  const Decoder decoder = model_.decoder();
  const std::vector<std::vector<std::int64_t>> sequences = {
      random_tokens(model_.arch, 4, 1), random_tokens(model_.arch, 11, 2), random_tokens(model_.arch, 1, 3)};

  const at::Tensor batched = decoder.forward(padded_tokens(sequences), padded_rows({4, 11, 1}, {4, 11, 1}));

  for (std::size_t b = 0; b < sequences.size(); ++b) {
    const auto T = static_cast<std::int64_t>(sequences[b].size());
    const at::Tensor alone = decoder.forward(padded_tokens({sequences[b]}), full_rows(1, T, T));
    expect_close(batched[static_cast<std::int64_t>(b)].narrow(0, 0, T), alone[0], kSameMath);
  }
}

TEST_P(DecoderOfEachFamily, SuffixFromACachedResidualEqualsTheFullForward) {
  const Decoder decoder = model_.decoder();
  const at::Tensor tokens = padded_tokens({random_tokens(model_.arch, 9, 1), random_tokens(model_.arch, 9, 2)});
  const BatchRows rows = full_rows(2, 9, 9);
  Recorder recorder;
  const at::Tensor full = decoder.forward(tokens, rows, &recorder);

  for (std::int32_t l = 0; l < model_.arch.L; ++l) {
    const at::Tensor residual = recorder.seen.at({Site::residual, static_cast<LayerIndex>(l)});
    const at::Tensor x = decoder.run_layers(residual, static_cast<LayerIndex>(l + 1),
                                            static_cast<LayerIndex>(model_.arch.L), rows, nullptr, nullptr);

    expect_same_bits(decoder.head(x), full);
  }
}

TEST_P(DecoderOfEachFamily, WatchingChangesNoBit) {
  const Decoder decoder = model_.decoder();
  const at::Tensor tokens = padded_tokens({random_tokens(model_.arch, 7, 4)});
  Recorder recorder;

  expect_same_bits(decoder.forward(tokens, full_rows(1, 7, 7), &recorder), decoder.forward(tokens, full_rows(1, 7, 7)));
}

TEST_P(DecoderOfEachFamily, HalfPrecisionStaysNearTheF32Forward) {
  const at::Tensor tokens = padded_tokens({random_tokens(model_.arch, 7, 4)});
  const at::Tensor expected = model_.decoder().forward(tokens, full_rows(1, 7, 7));

  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const at::Tensor logits = model_.decoder(dtype).forward(tokens, full_rows(1, 7, 7));

    EXPECT_EQ(logits.scalar_type(), at::kFloat);
    const double noise = (logits - expected).abs().mean().item<double>() / expected.abs().mean().item<double>();
    EXPECT_LT(noise, 0.05) << at::toString(dtype);
  }
}

TEST_P(DecoderOfEachFamily, DownColumnIsWhatANeuronWrites) {
  class AddOne final : public ActivationHook {
   public:
    bool wants(Site site, LayerIndex layer) const override { return site != Site::residual && layer == LayerIndex{1}; }
    void visit(Site site, LayerIndex, at::Tensor& x, const BatchRows&) override {
      if (site == Site::neuron) x.select(2, 5).add_(1.0);
      if (site == Site::mlp_out) mlp_out = x.clone();
    }
    at::Tensor mlp_out;
  };
  const Decoder decoder = model_.decoder();
  const at::Tensor tokens = padded_tokens({random_tokens(model_.arch, 3, 9)});
  Recorder plain;
  AddOne edited;

  decoder.forward(tokens, full_rows(1, 3, 3), &plain);
  decoder.forward(tokens, full_rows(1, 3, 3), &edited);

  const at::Tensor change = edited.mlp_out - plain.seen.at({Site::mlp_out, LayerIndex{1}});
  const at::Tensor column = decoder.down_column({LayerIndex{1}, NeuronIndex{5}});
  expect_close(change, column.expand({1, 3, model_.arch.D}), kSameMath);
}

TEST_P(DecoderOfEachFamily, GradientOfTheActivationsMatchesFiniteDifferences) {
  class Leaf final : public ActivationHook {
   public:
    explicit Leaf(double step) : step_(step) {}
    bool wants(Site site, LayerIndex layer) const override { return site == Site::neuron && layer == LayerIndex{0}; }
    void visit(Site, LayerIndex, at::Tensor& x, const BatchRows&) override {
      x.select(2, 3).select(1, 2).add_(step_);
      x.requires_grad_(true);
      neuron = x;
    }
    at::Tensor neuron;

   private:
    double step_;
  };
  const c10::AutoGradMode grad(true);
  const Decoder decoder = model_.decoder();
  const at::Tensor tokens = padded_tokens({random_tokens(model_.arch, 5, 6)});
  const auto loss = [&](Leaf& leaf) { return decoder.forward(tokens, full_rows(1, 5, 5), &leaf)[0][4][7]; };
  Leaf here(0), above(1e-2), below(-1e-2);

  loss(here).backward();
  const double slope = (loss(above) - loss(below)).item<double>() / 2e-2;

  EXPECT_NEAR(here.neuron.grad()[0][2][3].item<double>(), slope, 2e-3);
}

TEST(Decoder, RejectsATokenOutsideTheVocabularyWithBothNumbers) {
  const Decoder decoder = testing::tiny_llama().decoder();

  expect_error(ErrorKind::input, ::testing::AllOf(::testing::HasSubstr("29"), ::testing::HasSubstr("31")), [&] {
    decoder.forward(padded_tokens({{1, 31}}), full_rows(1, 2, 2));
  });
}

TEST(Decoder, RejectsASequenceLongerThanTheContextWithBothNumbers) {
  const TinyModel model = testing::tiny_gpt2();
  const at::Tensor tokens = padded_tokens({random_tokens(model.arch, 49, 1)});

  expect_error(ErrorKind::input, ::testing::AllOf(::testing::HasSubstr("49"), ::testing::HasSubstr("48")),
               [&] { model.decoder().forward(tokens, full_rows(1, 49, 49)); });
}

TEST(Decoder, RejectsWeightsOfAnotherShape) {
  TinyModel model = testing::tiny_llama();
  model.weights.layers[1].down.weight = at::zeros({16, 23});

  expect_error(ErrorKind::internal, ::testing::HasSubstr("down has shape 16x23: expected 16x24"),
               [&] { model.decoder(); });
}

}  // namespace
}  // namespace neurosweep
