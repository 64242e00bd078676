#include "framework/measure/reach.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/measure/screen.hpp"
#include "framework/measure/suffix_sweep.hpp"
#include "framework/model/batch.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::kSameMath;

ReferenceText text_of(const ArchSpec& arch) {
  return {testing::random_tokens(arch, 12, 5), 5, 9};
}

TEST(ReachProbe, EffectIsTheScreenOfOneStep) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const ReferenceText text = text_of(model.arch);
    const auto screen = screen_effects(decoder, text, InterventionKind::zero, {}, Span::all, 1);

    const auto reach = ReachProbe(decoder).measure(text, InterventionKind::zero, {}, Span::all);

    EXPECT_NEAR(reach.baseline, screen.reasoning_baseline, 10 * kSameMath) << model.name;
    EXPECT_EQ(reach.n_scored, 7);
    ASSERT_EQ(reach.effect.size(), screen.reasoning.size());
    for (std::size_t i = 0; i < reach.effect.size(); ++i) {
      EXPECT_NEAR(reach.effect[i], screen.reasoning[i], 10 * kSameMath) << model.name;
    }
  }
}

/// Keeps activations and residuals of a forward.
class Recorder final : public ActivationHook {
 public:
  bool wants(Site site, LayerIndex) const override { return site == Site::neuron || site == Site::residual; }
  void visit(Site site, LayerIndex, at::Tensor& x, const BatchRows&) override {
    (site == Site::neuron ? neurons : residuals).push_back(x.squeeze(0).to(at::kDouble));
  }
  std::vector<at::Tensor> neurons, residuals;
};

TEST(ReachProbe, DisplacementIsWhatZeroingTakesFromTheResidual) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const ReferenceText text = text_of(model.arch);
    Recorder recorder;
    decoder.forward(padded_tokens({{text.tokens.begin(), text.tokens.end() - 1}}), full_rows(1, 11, 5), &recorder);

    const auto reach = ReachProbe(decoder).measure(text, InterventionKind::zero, {}, Span::all);

    for (std::int64_t flat = 0; flat < model.arch.L * model.arch.M; ++flat) {
      const NeuronId id = neuron_at(flat, model.arch.M);
      const auto l = static_cast<std::size_t>(to_int(id.layer));
      const at::Tensor written = recorder.neurons[l].select(1, to_int(id.neuron)).unsqueeze(1) *
                                 decoder.down_column(id).to(at::kDouble).unsqueeze(0);
      const double expected = (written.square().sum(-1) / recorder.residuals[l].square().sum(-1)).sum().item<double>();
      EXPECT_NEAR(reach.displacement[static_cast<std::size_t>(flat)], expected, 1e-4 * expected + 1e-9) << model.name;
    }
  }
}

/// Sum over the scored tokens of the right token's logit minus the logsumexp of the others.
double margin_of(const at::Tensor& logits, const ReferenceText& text) {
  double sum = 0;
  for (std::int64_t s = 0; s < logits.size(0); ++s) {
    const auto right = text.tokens[static_cast<std::size_t>(text.prompt_length + s)];
    at::Tensor others = logits[s].to(at::kDouble).clone();
    others[right] = -1e30;
    sum += logits[s][right].item<double>() - others.logsumexp(0).item<double>();
  }
  return sum;
}

TEST(ReachProbe, PushIsTheSquareOfWhatASmallEditDoesToTheMargin) {
  constexpr float kStep = 0.01f;
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const ReferenceText text = text_of(model.arch);
    SuffixSweep sweep(decoder, 8);
    const double clean = margin_of(sweep.baseline({{text.tokens.begin(), text.tokens.end() - 1}, 5, 7}), text);

    const auto reach = ReachProbe(decoder).measure(text, InterventionKind::add, std::vector<float>{kStep}, Span::last);

    for (std::int64_t flat = 0; flat < model.arch.L * model.arch.M; flat += 7) {
      double change = 0;
      const SweepArm arm{neuron_at(flat, model.arch.M), InterventionKind::add, kStep, Span::last};
      sweep.run(std::vector{arm},
                [&](auto, const at::Tensor& logits) { change = margin_of(logits.squeeze(0), text) - clean; });
      EXPECT_NEAR(std::sqrt(reach.push[static_cast<std::size_t>(flat)]), std::abs(change),
                  0.02 * std::abs(change) + 2e-4)
          << model.name << " neuron " << flat;
    }
  }
}

}  // namespace
}  // namespace neurosweep
