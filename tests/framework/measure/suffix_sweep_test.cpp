#include "framework/measure/suffix_sweep.hpp"

#include <map>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/intervene/intervention_set.hpp"
#include "framework/measure/sweep_engine.hpp"
#include "framework/model/batch.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::kSameMath;

SweepPrompt prompt_of(const ArchSpec& arch, std::int64_t T, std::int64_t prompt_length, std::int64_t n_scored) {
  return {testing::random_tokens(arch, T, 11), prompt_length, n_scored};
}

std::vector<SweepArm> arms_of(const ArchSpec& arch) {
  std::vector<SweepArm> arms;
  for (std::int64_t l = arch.L - 1; l >= 0; --l) {
    for (std::int64_t i = 0; i < std::min<std::int64_t>(arch.M, 5); ++i) {
      const auto span = i % 2 == 0 ? Span::all : Span::generated;
      arms.push_back({{LayerIndex(l), NeuronIndex(i)},
                      i == 3 ? InterventionKind::add : InterventionKind::zero,
                      i == 3 ? 0.7f : 0.0f,
                      span});
    }
  }
  return arms;
}

/// Slow twin: the whole model, one arm at a time, logits at every position.
at::Tensor full_forward(const Decoder& decoder, const SweepPrompt& prompt, const SweepArm& arm) {
  InterventionSet hook({{0, arm.neuron, arm.kind, arm.value, arm.span}}, decoder.arch());
  const auto T = static_cast<std::int64_t>(prompt.input.size());
  const at::Tensor logits =
      decoder.forward(padded_tokens({prompt.input}), full_rows(1, T, prompt.prompt_length), &hook);
  return logits[0].narrow(0, T - prompt.n_scored, prompt.n_scored);
}

TEST(SuffixSweep, EqualsTheFullForwardForEveryFamily) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const SweepPrompt prompt = prompt_of(model.arch, 14, 6, 8);
    const auto arms = arms_of(model.arch);
    SuffixSweep sweep(decoder, 3);
    std::map<std::size_t, at::Tensor> found;

    sweep.baseline(prompt);
    sweep.run(arms, [&](std::span<const std::size_t> which, const at::Tensor& logits) {
      for (std::size_t b = 0; b < which.size(); ++b) found[which[b]] = logits[static_cast<std::int64_t>(b)].clone();
    });

    ASSERT_EQ(found.size(), arms.size()) << model.name;
    for (std::size_t i = 0; i < arms.size(); ++i) {
      const double difference = (found[i] - full_forward(decoder, prompt, arms[i])).abs().max().item<double>();
      EXPECT_LE(difference, kSameMath) << model.name << ", arm " << i;
    }
  }
}

TEST(SuffixSweep, BaselineEqualsTheFullForward) {
  const auto model = testing::tiny_gpt2();
  const Decoder decoder = model.decoder();
  const SweepPrompt prompt = prompt_of(model.arch, 9, 4, 5);

  const at::Tensor logits = SuffixSweep(decoder, 4).baseline(prompt);

  const at::Tensor all = decoder.forward(padded_tokens({prompt.input}), full_rows(1, 9, 4))[0];
  EXPECT_LE((logits - all.narrow(0, 4, 5)).abs().max().item<double>(), kSameMath);
}

TEST(SuffixSweep, BatchSizeChangesNothingBeyondRounding) {
  const auto model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const SweepPrompt prompt = prompt_of(model.arch, 10, 5, 3);
  const auto arms = arms_of(model.arch);
  std::vector<at::Tensor> by_rows[2];

  for (int k = 0; k < 2; ++k) {
    by_rows[k].resize(arms.size());
    SuffixSweep sweep(decoder, k == 0 ? 1 : 64);
    sweep.baseline(prompt);
    sweep.run(arms, [&](std::span<const std::size_t> which, const at::Tensor& logits) {
      for (std::size_t b = 0; b < which.size(); ++b)
        by_rows[k][which[b]] = logits[static_cast<std::int64_t>(b)].clone();
    });
  }

  for (std::size_t i = 0; i < arms.size(); ++i) {
    EXPECT_LE((by_rows[0][i] - by_rows[1][i]).abs().max().item<double>(), kSameMath);
  }
}

TEST(SuffixSweep, RefusesArmsThatDoNotApply) {
  const auto model = testing::tiny_qwen3();
  const Decoder decoder = model.decoder();
  SuffixSweep sweep(decoder, 8);
  sweep.baseline(prompt_of(model.arch, 6, 6, 1));
  const auto ignore = [](std::span<const std::size_t>, const at::Tensor&) {};
  const auto run = [&](const SweepArm& arm) { sweep.run(std::vector<SweepArm>{arm}, ignore); };

  const auto zero = InterventionKind::zero;
  expect_error(ErrorKind::input, HasSubstr("layer 99"), [&] {
    run({{LayerIndex(99), NeuronIndex(0)}, zero, 0, Span::all});
  });
  expect_error(ErrorKind::input, HasSubstr("neuron"), [&] {
    run({{LayerIndex(0), NeuronIndex(9999)}, zero, 0, Span::all});
  });
  expect_error(ErrorKind::input, HasSubstr("generated"), [&] {
    run({{LayerIndex(0), NeuronIndex(0)}, zero, 0, Span::generated});
  });
}

TEST(SuffixSweep, RefusesAnEmptyPromptAndRowsBelowOne) {
  const auto model = testing::tiny_llama();
  const Decoder decoder = model.decoder();

  expect_error(ErrorKind::input, HasSubstr("0 tokens"), [&] { SuffixSweep(decoder, 1).baseline({{}, 0, 1}); });
  expect_error(ErrorKind::input, HasSubstr("at least 1"), [&] { SuffixSweep(decoder, 0); });
}

/// Logits of all arms, in their order.
std::vector<at::Tensor> logits_of(const SuffixSweep& sweep, const std::vector<SweepArm>& arms) {
  std::vector<at::Tensor> found(arms.size());
  sweep.run(arms, [&](std::span<const std::size_t> which, const at::Tensor& logits) {
    for (std::size_t b = 0; b < which.size(); ++b) found[which[b]] = logits[static_cast<std::int64_t>(b)].clone();
  });
  return found;
}

TEST(SuffixSweep, BatchesMemoryAndThreadsChangeNoBit) {
  const auto model = testing::tiny_qwen3();
  const Decoder decoder = model.decoder();
  const SweepPrompt prompt = prompt_of(model.arch, 14, 6, 8);
  const auto arms = arms_of(model.arch);
  SuffixSweep usual(decoder, 64), one_by_one(decoder, 1), small(decoder, SweepLimits{64, 100'000});
  for (SuffixSweep* sweep : {&usual, &one_by_one, &small}) sweep->baseline(prompt);

  const auto expected = logits_of(usual, arms);
  const auto alone = logits_of(one_by_one, arms), tight = logits_of(small, arms);
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  const auto threaded = logits_of(usual, arms);
  at::set_num_threads(before);

  for (std::size_t i = 0; i < arms.size(); ++i) {
    testing::expect_same_bits(alone[i], expected[i]);
    testing::expect_same_bits(tight[i], expected[i]);
    testing::expect_same_bits(threaded[i], expected[i]);
  }
}

TEST(SuffixSweep, AnArmThatChangesNothingGivesTheBaselineBitForBit) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    SuffixSweep sweep(decoder, 4);
    const at::Tensor clean = sweep.baseline(prompt_of(model.arch, 10, 4, 6));

    const auto found = logits_of(sweep, {{{LayerIndex(0), NeuronIndex(1)}, InterventionKind::scale, 1.0F, Span::all},
                                         {{LayerIndex(1), NeuronIndex(2)}, InterventionKind::add, 0.0F, Span::last}});

    testing::expect_same_bits(found[0], clean);
    testing::expect_same_bits(found[1], clean);
  }
}

TEST(SuffixSweep, EverySpanAndKindEqualsTheFullForward) {
  const auto model = testing::tiny_qwen2();
  const Decoder decoder = model.decoder();
  const SweepPrompt prompt = prompt_of(model.arch, 40, 35, 6);
  std::vector<SweepArm> arms;
  for (const Span span : {Span::all, Span::prompt, Span::generated, Span::last}) {
    for (const KindInfo& kind : intervention_kinds()) {
      for (std::int64_t l = 0; l < model.arch.L; ++l) {
        arms.push_back({{LayerIndex(l), NeuronIndex(3)}, kind.kind, 0.6F, span});
      }
    }
  }
  SuffixSweep sweep(decoder, 7);
  sweep.baseline(prompt);

  const auto found = logits_of(sweep, arms);

  for (std::size_t i = 0; i < arms.size(); ++i) {
    testing::expect_close(found[i], full_forward(decoder, prompt, arms[i]), kSameMath);
  }
}

TEST(SuffixSweep, JointArmsEqualTheFullForwardForEveryFamily) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const SweepPrompt prompt = prompt_of(model.arch, 14, 6, 8);
    const auto edit = [](int layer, int neuron, InterventionKind kind, float value, Span span) {
      return SweepArm{{LayerIndex(layer), NeuronIndex(neuron)}, kind, value, span};
    };
    const std::vector<std::vector<SweepArm>> sets = {
        {edit(1, 1, InterventionKind::zero, 0, Span::generated), edit(0, 2, InterventionKind::add, 1, Span::last)},
        {edit(0, 0, InterventionKind::scale, 1, Span::all), edit(1, 4, InterventionKind::set, 2, Span::prompt)},
        {edit(0, 3, InterventionKind::add, 1, Span::all), edit(0, 3, InterventionKind::scale, -2, Span::generated)}};
    SuffixSweep sweep(decoder, 2);
    sweep.baseline(prompt);
    std::vector<at::Tensor> found(sets.size());

    sweep.run_sets(sets, [&](std::span<const std::size_t> which, const at::Tensor& logits) {
      for (std::size_t b = 0; b < which.size(); ++b) found[which[b]] = logits[static_cast<std::int64_t>(b)].clone();
    });

    for (std::size_t i = 0; i < sets.size(); ++i) {
      std::vector<Intervention> edits;
      for (const SweepArm& arm : sets[i]) edits.push_back({0, arm.neuron, arm.kind, arm.value, arm.span});
      InterventionSet hook(std::move(edits), model.arch);
      const at::Tensor logits = decoder.forward(padded_tokens({prompt.input}), full_rows(1, 14, 6), &hook);
      testing::expect_close(found[i], logits[0].narrow(0, 6, 8), kSameMath);
    }
  }
}

TEST(SuffixSweep, TheEngineOfOtherDevicesFindsTheSame) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const SweepPrompt prompt = prompt_of(model.arch, 14, 6, 8);
    const auto arms = arms_of(model.arch);
    std::vector<JointArm> joint = {std::span(arms).subspan(0, 4)};
    for (const SweepArm& arm : arms) joint.emplace_back(&arm, 1);
    const auto engine = make_torch_engine(decoder, {3, 0}), own = make_packed_engine(decoder, {3, 0});
    std::vector<at::Tensor> found(joint.size()), expected(joint.size());
    const auto into = [](std::vector<at::Tensor>& to) {
      return [&to](std::span<const std::size_t> which, const at::Tensor& logits) {
        for (std::size_t b = 0; b < which.size(); ++b) to[which[b]] = logits[static_cast<std::int64_t>(b)].clone();
      };
    };

    testing::expect_close(engine->baseline(prompt), own->baseline(prompt), kSameMath);
    engine->run(joint, into(found));
    own->run(joint, into(expected));

    for (std::size_t i = 0; i < joint.size(); ++i) testing::expect_close(found[i], expected[i], kSameMath);
  }
}

TEST(SuffixSweep, RefusesAnEmptySetAndTooLittleMemory) {
  const auto model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  SuffixSweep sweep(decoder, SweepLimits{4, 1000});
  sweep.baseline(prompt_of(model.arch, 10, 4, 6));
  const SuffixSweep::Sink ignore = [](std::span<const std::size_t>, const at::Tensor&) {};

  expect_error(ErrorKind::input, HasSubstr("needs at least one neuron"),
               [&] { sweep.run_sets(std::vector<std::vector<SweepArm>>(1), ignore); });
  expect_error(ErrorKind::input, HasSubstr("allow more memory"), [&] { sweep.run(arms_of(model.arch), ignore); });
}

TEST(SuffixSweep, Bfloat16WeightsKeepTheOrderOfEffects) {
  const auto model = testing::tiny_llama();
  const Decoder exact = model.decoder(), rounded = model.decoder(at::kBFloat16);
  const SweepPrompt prompt = prompt_of(model.arch, 14, 6, 8);
  SuffixSweep a(exact, 8), b(rounded, 8);
  const at::Tensor clean_a = a.baseline(prompt), clean_b = b.baseline(prompt);
  const auto arms = arms_of(model.arch);

  const auto logits_a = logits_of(a, arms), logits_b = logits_of(b, arms);

  for (std::size_t i = 0; i < arms.size(); ++i) {
    const at::Tensor effect_a = logits_a[i] - clean_a, effect_b = logits_b[i] - clean_b;
    EXPECT_LE((effect_a - effect_b).norm().item<double>(), 0.05 * effect_a.norm().item<double>() + kSameMath);
  }
}

}  // namespace
}  // namespace neurosweep
