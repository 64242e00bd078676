#include "framework/measure/screen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/measure/effects.hpp"
#include "framework/tasks/task.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/reference_ops.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tolerances.hpp"

namespace neurosweep {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using testing::kSameMath;
using testing::kSlowTwin;

ReferenceText text_of(const ArchSpec& arch) {
  return {testing::random_tokens(arch, 12, 5), 5, 9};
}

ScreenEffects screen(const Decoder& decoder, InterventionKind kind, float value, Span span = Span::all,
                     std::int64_t steps = 1) {
  return screen_effects(decoder, text_of(decoder.arch()), kind, std::vector<float>{value}, span, steps);
}

std::vector<SweepArm> arms_of_all(const ArchSpec& arch, InterventionKind kind, float value, Span span) {
  std::vector<SweepArm> arms;
  for (std::int64_t flat = 0; flat < arch.L * arch.M; ++flat)
    arms.push_back({neuron_at(flat, arch.M), kind, value, span});
  return arms;
}

PromptEffects exact(const Decoder& decoder, const ReferenceText& text, InterventionKind kind, float value, Span span) {
  SuffixSweep sweep(decoder, 64);
  return measure_effects(sweep, text, arms_of_all(decoder.arch(), kind, value, span));
}

/// Sum of log p from token `begin` on, by the f64 slow twin with `change` added to one neuron at every position.
double twin_sum(const testing::TinyModel& model, const ReferenceText& text, std::int64_t begin, NeuronId id,
                double change) {
  const auto run = testing::reference_forward(model.arch, model.weights, {text.tokens.begin(), text.tokens.end() - 1},
                                              [&](std::int64_t layer, std::int64_t, std::vector<double>& neuron) {
                                                if (layer == to_int(id.layer))
                                                  neuron[static_cast<std::size_t>(to_int(id.neuron))] += change;
                                              });
  double sum = 0;
  for (auto t = static_cast<std::size_t>(begin); t < text.tokens.size(); ++t) {
    const auto& logits = run.logits[t - 1];
    double total = 0;
    for (const double z : logits) total += std::exp(z);
    sum += logits[static_cast<std::size_t>(text.tokens[t])] - std::log(total);
  }
  return sum;
}

std::vector<double> ranks_of(const std::vector<float>& x) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return x[a] < x[b]; });
  std::vector<double> ranks(x.size());
  for (std::size_t r = 0; r < order.size(); ++r) ranks[order[r]] = static_cast<double>(r);
  return ranks;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n,
               mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return ab / std::sqrt(aa * bb);
}

TEST(ScreenEffects, OfAddsAreTheSlowTwinsDerivativeForEveryFamily) {
  constexpr double kStep = 1e-4;
  for (const auto& model : testing::tiny_models()) {
    const ReferenceText text = text_of(model.arch);

    const auto effects = screen(model.decoder(), InterventionKind::add, 1);

    for (std::int64_t flat = 0; flat < model.arch.L * model.arch.M; flat += 5) {
      const NeuronId id = neuron_at(flat, model.arch.M);
      const auto slope = [&](std::int64_t begin) {
        return (twin_sum(model, text, begin, id, kStep) - twin_sum(model, text, begin, id, -kStep)) / (2 * kStep);
      };
      const auto i = static_cast<std::size_t>(flat);
      EXPECT_NEAR(effects.reasoning[i], slope(text.prompt_length), kSlowTwin) << model.name << " " << flat;
      EXPECT_NEAR(effects.answer[i], slope(text.answer_begin), kSlowTwin) << model.name << " " << flat;
    }
  }
}

TEST(ScreenEffects, CoverThePositionsThatInterventionsCover) {
  constexpr float kStep = 0.005f;
  const Decoder decoder = testing::tiny_qwen3().decoder();
  for (const Span span : {Span::prompt, Span::generated, Span::all, Span::last}) {
    const auto up = exact(decoder, text_of(decoder.arch()), InterventionKind::add, kStep, span);
    const auto down = exact(decoder, text_of(decoder.arch()), InterventionKind::add, -kStep, span);

    const auto effects = screen(decoder, InterventionKind::add, 1, span);

    for (std::size_t i = 0; i < effects.reasoning.size(); ++i) {
      EXPECT_NEAR(effects.reasoning[i], (up.reasoning[i] - down.reasoning[i]) / (2 * kStep), 5e-4) << span_name(span);
    }
  }
}

TEST(ScreenEffects, OfPromptAndOfGeneratedTokensSumToThoseOfAll) {
  const Decoder decoder = testing::tiny_gpt2().decoder();

  const auto all = screen(decoder, InterventionKind::zero, 0);
  const auto prompt = screen(decoder, InterventionKind::zero, 0, Span::prompt);
  const auto generated = screen(decoder, InterventionKind::zero, 0, Span::generated);

  for (std::size_t i = 0; i < all.reasoning.size(); ++i) {
    EXPECT_NEAR(all.reasoning[i], prompt.reasoning[i] + generated.reasoning[i], kSameMath);
    EXPECT_NEAR(all.answer[i], prompt.answer[i] + generated.answer[i], kSameMath);
  }
}

TEST(ScreenEffects, ScaleWithTheEdit) {
  const Decoder decoder = testing::tiny_llama().decoder();

  const auto zero = screen(decoder, InterventionKind::zero, 0);
  const auto half = screen(decoder, InterventionKind::scale, 0.5);
  const auto set = screen(decoder, InterventionKind::set, 0);
  const auto mean = screen(decoder, InterventionKind::mean, 0);

  for (std::size_t i = 0; i < zero.reasoning.size(); ++i) {
    EXPECT_NEAR(half.reasoning[i], zero.reasoning[i] / 2, kSameMath);
  }
  EXPECT_EQ(set.reasoning, zero.reasoning);
  EXPECT_EQ(mean.answer, zero.answer);
}

TEST(ScreenEffects, OfEditsThatChangeNothingAreZero) {
  for (const auto& model : testing::tiny_models()) {
    for (const std::int64_t steps : {1, 3}) {
      const auto effects = screen(model.decoder(), InterventionKind::scale, 1, Span::all, steps);

      EXPECT_THAT(effects.reasoning, Each(0.0f)) << model.name;
      EXPECT_THAT(effects.answer, Each(0.0f)) << model.name;
    }
  }
}

TEST(ScreenEffects, TakeAValueForEveryNeuron) {
  const Decoder decoder = testing::tiny_llama().decoder();
  const ArchSpec& arch = decoder.arch();
  std::vector<float> values(static_cast<std::size_t>(arch.L * arch.M), 0);
  const NeuronId id{LayerIndex(1), NeuronIndex(7)};
  const auto at = static_cast<std::size_t>(flat_index(id, arch.M));
  values[at] = 2;

  const auto effects = screen_effects(decoder, text_of(arch), InterventionKind::add, values, Span::all, 1);

  const auto of_one = screen(decoder, InterventionKind::add, 1);
  EXPECT_NEAR(effects.reasoning[at], 2 * of_one.reasoning[at], kSameMath);
  EXPECT_EQ(effects.reasoning[at + 1], 0);
  EXPECT_EQ(std::count(effects.reasoning.begin(), effects.reasoning.end(), 0.0f), arch.L * arch.M - 1);
}

TEST(ScreenEffects, HaveTheBaselinesOfExactEffectsWhateverTheSteps) {
  for (const auto& model : testing::tiny_models()) {
    const Decoder decoder = model.decoder();
    const auto truth = exact(decoder, text_of(model.arch), InterventionKind::zero, 0, Span::all);

    for (const std::int64_t steps : {1, 4}) {
      const auto effects = screen(decoder, InterventionKind::zero, 0, Span::all, steps);

      EXPECT_NEAR(effects.reasoning_baseline, truth.reasoning_baseline, 10 * kSameMath) << model.name;
      EXPECT_NEAR(effects.answer_baseline, truth.answer_baseline, 10 * kSameMath) << model.name;
    }
  }
}

TEST(ScreenEffects, OfTinyEditsAreTheSameInSeveralSteps) {
  const Decoder decoder = testing::tiny_qwen2().decoder();
  constexpr float kTiny = 1.0f / 4096;

  const auto one = screen(decoder, InterventionKind::add, kTiny);
  const auto several = screen(decoder, InterventionKind::add, kTiny, Span::all, 50);

  for (std::size_t i = 0; i < one.reasoning.size(); ++i) {
    EXPECT_NEAR(several.reasoning[i] / kTiny, one.reasoning[i] / kTiny, 0.02);
  }
}

TEST(ScreenEffects, OfBf16ModelsFollowThoseOfF32) {
  const auto model = testing::tiny_llama();

  const auto wide = screen(model.decoder(), InterventionKind::zero, 0);
  const auto narrow = screen(model.decoder(at::kBFloat16), InterventionKind::zero, 0);

  EXPECT_GT(correlation(ranks_of(wide.reasoning), ranks_of(narrow.reasoning)), 0.99);
}

/// One text of every family of the bundled tasks, in the small reasoner, with the exact effects of zeroing each neuron.
class ScreenOfTheReasoner : public ::testing::Test {
 protected:
  ScreenOfTheReasoner() : decoder_(load_decoder(models() + "reasoner-small")) {
    const Tokenizer tokenizer = Tokenizer::load(models() + "reasoner-small");
    for (const char* family : {"arith", "variables", "sort", "brackets", "compare"}) {
      const auto item = read_task(models() + "tasks/" + family + ".jsonl").front();
      texts_.push_back(make_reference(tokenizer, item.question + "\n",
                                      item.fields.at("reasoning") + "\nA: " + item.answer, item.answer,
                                      decoder_.arch().eos.at(0), decoder_.arch().context, item.id));
    }
  }
  static std::string models() { return std::string(NS_SOURCE_DIR) + "/experiments/models/"; }

  using ByText = std::vector<std::vector<float>>;
  ByText exact_reasoning() const {
    ByText effects;
    for (const auto& text : texts_) {
      effects.push_back(exact(decoder_, text, InterventionKind::zero, 0, Span::all).reasoning);
    }
    return effects;
  }
  ByText screened_reasoning(std::int64_t steps) const {
    ByText effects;
    for (const auto& text : texts_) {
      effects.push_back(screen_effects(decoder_, text, InterventionKind::zero, {}, Span::all, steps).reasoning);
    }
    return effects;
  }

  Decoder decoder_;
  std::vector<ReferenceText> texts_;
};

std::vector<float> mean_of(const std::vector<std::vector<float>>& by_text) {
  std::vector<float> mean(by_text.front().size());
  for (const auto& effects : by_text) {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += effects[i] / static_cast<float>(by_text.size());
  }
  return mean;
}

std::vector<double> as_doubles(const std::vector<float>& x) {
  return {x.begin(), x.end()};
}

/// Share of the `top` most harmful neurons of `truth` that are among the `kept` most harmful ones of `screened`.
double recall(const std::vector<float>& truth, const std::vector<float>& screened, double top, double kept) {
  const auto true_rank = ranks_of(truth), rank = ranks_of(screened);
  double found = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) found += true_rank[i] < top && rank[i] < kept;
  return found / top;
}

TEST_F(ScreenOfTheReasoner, RanksLikeExactEffectsAndSeveralStepsFindTheLargestOnes) {
  const ByText truth = exact_reasoning();

  const ByText one_step = screened_reasoning(1), eight_steps = screened_reasoning(8);

  double size_in_one = 0, size_in_eight = 0;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    EXPECT_GT(correlation(ranks_of(truth[i]), ranks_of(one_step[i])), 0.85) << "text " << i;
    size_in_one += correlation(as_doubles(truth[i]), as_doubles(one_step[i])) / static_cast<double>(texts_.size());
    size_in_eight += correlation(as_doubles(truth[i]), as_doubles(eight_steps[i])) / static_cast<double>(texts_.size());
  }
  EXPECT_GT(size_in_eight, size_in_one + 0.2);
  EXPECT_GE(recall(mean_of(truth), mean_of(eight_steps), 50, 200), 0.8);
}

TEST(ScreenEffects, RefuseWhatCannotBeScreened) {
  const Decoder decoder = testing::tiny_llama().decoder();
  const auto add = [&](const std::vector<float>& values, Span span, std::int64_t steps) {
    screen_effects(decoder, {testing::random_tokens(decoder.arch(), 6, 1), 5, 5}, InterventionKind::add, values, span,
                   steps);
  };

  expect_error(ErrorKind::input, HasSubstr("0 values"), [&] { add({}, Span::all, 1); });
  expect_error(ErrorKind::input, HasSubstr("2 values"), [&] { add({1, 2}, Span::all, 1); });
  expect_error(ErrorKind::input, HasSubstr("inf"),
               [&] { add({std::numeric_limits<float>::infinity()}, Span::all, 1); });
  expect_error(ErrorKind::input, HasSubstr("at least 1 step"), [&] { add({1}, Span::all, 0); });
  expect_error(ErrorKind::input, HasSubstr("generated"), [&] { add({1}, Span::generated, 1); });
}

}  // namespace
}  // namespace neurosweep
