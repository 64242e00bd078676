#include "framework/intervene/intervention_set.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/model/generate.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/expect_tensor.hpp"
#include "tests/support/for_each_family.hpp"
#include "tests/support/neuron.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using testing::expect_close;
using testing::expect_same_bits;
using testing::kSlowTwin;
using testing::neuron;
using testing::random_tokens;
using testing::tensor_of;
using testing::TinyModel;

bool in_span(Span span, std::int64_t t, std::int64_t prompt_length) {
  switch (span) {
    case Span::prompt:
      return t < prompt_length;
    case Span::generated:
      return t >= prompt_length;
    case Span::all:
      return true;
    case Span::last:
      return t == prompt_length - 1;
  }
  return false;
}

/// The interventions of one sequence as an edit of the slow twin, one after the other.
testing::NeuronEdit slow_edit(const std::vector<Intervention>& interventions, std::int64_t sequence,
                              std::int64_t prompt_length) {
  return [=](std::int64_t layer, std::int64_t t, std::vector<double>& activation) {
    for (const auto& each : interventions) {
      if (each.row != sequence || to_int(each.neuron.layer) != layer || !in_span(each.span, t, prompt_length)) continue;
      double& a = activation[static_cast<std::size_t>(to_int(each.neuron.neuron))];
      switch (each.kind) {
        case InterventionKind::zero:
          a = 0;
          break;
        case InterventionKind::mean:
        case InterventionKind::set:
          a = each.value;
          break;
        case InterventionKind::scale:
          a *= each.value;
          break;
        case InterventionKind::add:
          a += each.value;
          break;
      }
    }
  };
}

/// Many interventions on few neurons, so that several meet on the same one.
std::vector<Intervention> random_interventions(std::int64_t sequences, int n, std::uint64_t seed) {
  std::mt19937_64 bits(seed);
  std::vector<Intervention> result;
  for (int i = 0; i < n; ++i) {
    result.push_back({.row = static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(sequences)),
                      .neuron = neuron(static_cast<std::int32_t>(bits() % 3), static_cast<std::int32_t>(bits() % 4)),
                      .kind = static_cast<InterventionKind>(bits() % 5),
                      .value = static_cast<float>(bits() % 9) / 4.0F - 1.0F,
                      .span = static_cast<Span>(bits() % 4)});
  }
  return result;
}

using InterventionsOnEachFamily = testing::ForEachFamily;

INSTANTIATE_TEST_SUITE_P(Families, InterventionsOnEachFamily, testing::each_family(), testing::family_name);

TEST_P(InterventionsOnEachFamily, EqualTheSlowTwinForEveryRowOfAMixedBatch) {
  const std::vector<std::vector<std::int64_t>> sequences = {
      random_tokens(model_.arch, 9, 1), random_tokens(model_.arch, 5, 2), random_tokens(model_.arch, 7, 3)};
  const std::vector<std::int64_t> prompts = {4, 5, 2};
  BatchRows rows = padded_rows({9, 5, 7}, prompts);
  rows.sequence = {20, 10, 30};
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    auto interventions = random_interventions(3, 40, seed);
    for (auto& each : interventions) each.row = rows.sequence[static_cast<std::size_t>(each.row)];
    InterventionSet set(interventions, model_.arch);

    const at::Tensor logits = model_.decoder().forward(padded_tokens(sequences), rows, &set);

    for (std::size_t b = 0; b < sequences.size(); ++b) {
      const auto expected = testing::reference_forward(model_.arch, model_.weights, sequences[b],
                                                       slow_edit(interventions, rows.sequence[b], prompts[b]));
      const auto T = static_cast<std::int64_t>(sequences[b].size());
      expect_close(logits[static_cast<std::int64_t>(b)].narrow(0, 0, T), tensor_of(expected.logits), kSlowTwin);
    }
  }
}

TEST_P(InterventionsOnEachFamily, FollowTheirSequencesThroughGeneration) {
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 7; ++i) {
    const auto length = 2 + static_cast<std::int64_t>(i * 3 % 5);
    requests.push_back({random_tokens(model_.arch, length, i), i, 4 + static_cast<std::int64_t>(i * 5 % 7)});
  }
  const auto interventions = random_interventions(7, 60, 1);
  InterventionSet set(interventions, model_.arch);

  const auto results = generate(model_.decoder(), requests, {}, 3, &set);

  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::vector<std::int64_t> tokens = requests[i].prompt;
    const auto prompt_length = static_cast<std::int64_t>(tokens.size());
    for (const auto token : results[i].tokens) {
      const auto edit = slow_edit(interventions, static_cast<std::int64_t>(i), prompt_length);
      const auto logits = testing::reference_forward(model_.arch, model_.weights, tokens, edit).logits.back();
      EXPECT_EQ(token, std::max_element(logits.begin(), logits.end()) - logits.begin()) << "request " << i;
      tokens.push_back(token);
    }
  }
}

TEST_P(InterventionsOnEachFamily, ScaleByOneIsTheBaselineBitForBit) {
  const at::Tensor tokens = padded_tokens({random_tokens(model_.arch, 8, 1), random_tokens(model_.arch, 8, 2)});
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const Decoder decoder = model_.decoder(dtype);
    InterventionSet set({{0, neuron(0, 3), InterventionKind::scale, 1.0F, Span::all},
                         {1, neuron(2, 23), InterventionKind::scale, 1.0F, Span::generated}},
                        model_.arch);

    const at::Tensor edited = decoder.forward(tokens, full_rows(2, 8, 4), &set);

    set.check_applied();
    expect_same_bits(edited, decoder.forward(tokens, full_rows(2, 8, 4)));
  }
}

TEST_P(InterventionsOnEachFamily, ChangeNoOtherRow) {
  const Decoder decoder = model_.decoder();
  const at::Tensor tokens = padded_tokens({random_tokens(model_.arch, 8, 1), random_tokens(model_.arch, 8, 2)});
  InterventionSet set({{1, neuron(1, 3), InterventionKind::add, 5.0F, Span::all}}, model_.arch);

  const at::Tensor edited = decoder.forward(tokens, full_rows(2, 8, 4), &set);

  const at::Tensor plain = decoder.forward(tokens, full_rows(2, 8, 4));
  expect_same_bits(edited[0], plain[0]);
  EXPECT_GT((edited[1] - plain[1]).abs().max().item<float>(), 0.01F);
}

TEST(InterventionSet, ActsInTheGivenOrderOnOneNeuron) {
  const ArchSpec arch = testing::tiny_llama().arch;
  InterventionSet set({{0, neuron(0, 2), InterventionKind::set, 3.0F, Span::all},
                       {0, neuron(0, 2), InterventionKind::scale, 2.0F, Span::all},
                       {0, neuron(0, 2), InterventionKind::add, 1.0F, Span::last},
                       {0, neuron(0, 2), InterventionKind::scale, 10.0F, Span::prompt}},
                      arch);
  at::Tensor x = at::ones({1, 3, arch.M});

  set.visit(Site::neuron, LayerIndex{0}, x, full_rows(1, 3, 2));

  expect_same_bits(x.select(2, 2)[0], at::tensor({60.0F, 70.0F, 6.0F}));
  EXPECT_EQ(x.sum().item<float>(), 60 + 70 + 6 + 3 * static_cast<float>(arch.M - 1));
}

TEST(InterventionSet, WantsOnlyTheLayersItTouches) {
  const InterventionSet set({{0, neuron(1, 2), InterventionKind::zero, 0, Span::all}}, testing::tiny_llama().arch);

  EXPECT_TRUE(set.wants(Site::neuron, LayerIndex{1}));
  EXPECT_FALSE(set.wants(Site::neuron, LayerIndex{0}));
  EXPECT_FALSE(set.wants(Site::mlp_out, LayerIndex{1}));
}

TEST(InterventionSet, NamesTheFirstInterventionThatTouchedNothingAndWhy) {
  const TinyModel model = testing::tiny_llama();
  const Decoder decoder = model.decoder();
  const at::Tensor tokens = padded_tokens({{1, 2, 3}, {}});
  const auto run = [&](std::int64_t row, Span span) {
    InterventionSet set({{0, neuron(0, 1), InterventionKind::zero, 0, Span::all},
                         {row, neuron(1, 7), InterventionKind::scale, 0.5F, span}},
                        model.arch);
    decoder.forward(tokens, padded_rows({3, 0}, {3, 0}), &set);
    set.check_applied();
  };
  const auto naming = [](const char* why) {
    return ::testing::AllOf(::testing::HasSubstr("scale 0.5 of neuron 1:7"), ::testing::HasSubstr(why));
  };

  EXPECT_NO_THROW(run(0, Span::prompt));
  expect_error(ErrorKind::input, naming("no token of its sequence lies in the span"), [&] { run(0, Span::generated); });
  expect_error(ErrorKind::input, naming("its sequence had no tokens"), [&] { run(1, Span::all); });
  expect_error(ErrorKind::input, naming("its sequence was in no batch"), [&] { run(5, Span::all); });
}

TEST(InterventionSet, ResetForgetsWhatWasTouched) {
  const ArchSpec arch = testing::tiny_llama().arch;
  InterventionSet set({{0, neuron(0, 2), InterventionKind::zero, 0, Span::all}}, arch);
  at::Tensor x = at::ones({1, 3, arch.M});
  set.visit(Site::neuron, LayerIndex{0}, x, full_rows(1, 3, 2));
  EXPECT_NO_THROW(set.check_applied());

  set.reset();

  EXPECT_THROW(set.check_applied(), Error);
}

TEST(InterventionSet, RejectsWhatIsNotInTheModel) {
  const ArchSpec arch = testing::tiny_llama().arch;
  const auto attempt = [&](NeuronId id, float value) {
    return [&arch, id, value] { InterventionSet({{0, id, InterventionKind::set, value, Span::all}}, arch); };
  };

  expect_error(ErrorKind::input, ::testing::HasSubstr("layer 3 is outside the model's 3 layers"),
               attempt(neuron(3, 0), 0));
  expect_error(ErrorKind::input, ::testing::HasSubstr("neuron 24 is outside the layer's 24 neurons"),
               attempt(neuron(0, 24), 0));
  expect_error(ErrorKind::input, ::testing::HasSubstr("neuron -1"), attempt(neuron(0, -1), 0));
  expect_error(ErrorKind::input, ::testing::HasSubstr("the value is nan"), attempt(neuron(0, 0), std::nanf("")));
  expect_error(ErrorKind::input, ::testing::HasSubstr("the value is inf"), attempt(neuron(0, 0), INFINITY));
}

}  // namespace
}  // namespace neurosweep
