#include "framework/rank/race.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "framework/rank/counter_rng.hpp"
#include "framework/rank/race_recall.hpp"
#include "framework/rank/race_sample.hpp"

namespace neurosweep {
namespace {

constexpr std::int64_t kLayers = 4, kPerLayer = 100, kNeurons = kLayers * kPerLayer, kItems = 120, kTop = 20;

double normal(CounterRng& rng) {
  return std::sqrt(-2 * std::log1p(-rng.uniform())) * std::cos(6.283185307179586 * rng.uniform());
}

/// A model whose effects have heavy tails over neurons and items, with a screen that is often wrong.
struct Synthetic {
  std::vector<float> exact, screen, reach;  // [N * P]
  std::vector<double> mean;                 // [N]
  std::vector<ScreenedNeuron> screened;     // [N]

  explicit Synthetic(std::uint64_t seed) {
    CounterRng rng(seed);
    for (std::int64_t i = 0; i < kNeurons; ++i) {
      const double size = std::exp(1.3 * normal(rng));
      double sum = 0, reached = 0, screen_sum = 0;
      for (std::int64_t j = 0; j < kItems; ++j) {
        const double local = size * std::exp(1.0 * normal(rng));
        exact.push_back(static_cast<float>(-local + 0.3 * size * normal(rng)));
        screen.push_back(static_cast<float>(-0.5 * local + 0.5 * size * normal(rng)));
        reach.push_back(static_cast<float>(local * std::exp(0.7 * normal(rng))));
        sum += exact.back();
        reached += reach.back();
        screen_sum += screen.back();
      }
      mean.push_back(sum / kItems);
      screened.push_back({static_cast<float>(reached / kItems), static_cast<float>(screen_sum / kItems)});
    }
  }

  std::set<std::int64_t> true_top() const {
    std::vector<std::int64_t> order(kNeurons);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return mean[a] < mean[b]; });
    return {order.begin(), order.begin() + kTop};
  }
};

RaceSpec spec_of(std::uint64_t seed) {
  RaceSpec spec;
  spec.top = kTop;
  spec.candidates = 60;
  spec.controls = 10;
  spec.rest = 20;
  spec.max_forwards = 0.06 * 0.5 * kNeurons * kItems;
  spec.seed = seed;
  return spec;
}

RaceField field_of(const Synthetic& model, const RaceSpec& spec) {
  RaceField field;
  field.entrants = draw_entrants(model.screened, kPerLayer, spec);
  field.M = kPerLayer;
  field.item_cost.assign(kItems, 1);
  std::set<std::int64_t> running;
  for (const Entrant& entrant : field.entrants) {
    running.insert(entrant.neuron);
    const auto copy = [&](std::vector<float>& to, const std::vector<float>& from) {
      to.insert(to.end(), from.begin() + entrant.neuron * kItems, from.begin() + (entrant.neuron + 1) * kItems);
    };
    copy(field.screen, model.screen);
    copy(field.reach, model.reach);
    field.arm_cost.push_back(0.25 * static_cast<double>(kLayers - entrant.neuron / kPerLayer));
  }
  field.exact.assign(field.entrants.size() * kItems, std::numeric_limits<float>::quiet_NaN());
  for (std::int64_t i = 0; i < kNeurons; ++i) {
    if (!running.contains(i)) field.others.push_back(model.screened[static_cast<std::size_t>(i)]);
  }
  return field;
}

void answer(RaceField& field, const Synthetic& model, const std::vector<RaceRequest>& requests) {
  for (const RaceRequest& request : requests) {
    const auto neuron = static_cast<std::size_t>(field.entrants[request.entrant].neuron);
    field.exact[request.entrant * kItems + request.item] = model.exact[neuron * kItems + request.item];
  }
}

RaceVerdict run_race(RaceField& field, const Synthetic& model, const RaceSpec& spec) {
  while (true) {
    RaceStep step = advance_race(field, spec);
    if (step.requests.empty()) return std::move(step.verdict);
    answer(field, model, step.requests);
  }
}

TEST(Race, HoldsItsErrorRateAndItsRecallIntervalInAHundredRuns) {
  int runs_with_an_error = 0, covered = 0;
  double recall_sum = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Synthetic model(seed / 10);
    const RaceSpec spec = spec_of(seed);
    RaceField field = field_of(model, spec);
    const RaceVerdict verdict = run_race(field, model, spec);

    std::vector<std::size_t> order(field.entrants.size());
    std::iota(order.begin(), order.end(), 0u);
    const auto mean = [&](std::size_t e) { return model.mean[static_cast<std::size_t>(field.entrants[e].neuron)]; };
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return mean(a) < mean(b); });
    const auto top = model.true_top();
    bool wrong = false;
    double found = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const RaceEstimate& entrant = verdict.entrants[order[i]];
      const bool inside = i < static_cast<std::size_t>(kTop);
      wrong |= (entrant.state == RaceState::in && !inside) || (entrant.state == RaceState::out && inside);
      found += entrant.place > 0 && top.contains(field.entrants[order[i]].neuron) ? 1 : 0;
    }
    const double recall = found / kTop;
    runs_with_an_error += wrong ? 1 : 0;
    covered += recall > verdict.recall_interval.low - 1e-9 && recall < verdict.recall_interval.high + 1e-9 ? 1 : 0;
    recall_sum += recall;
    EXPECT_LE(verdict.forwards, spec.max_forwards);
  }

  EXPECT_LE(runs_with_an_error, 5);
  EXPECT_GE(covered, 90);
  EXPECT_GE(recall_sum / 100, 0.85);
}

TEST(Race, AsksForTheSameEffectsFromTheSameResults) {
  const Synthetic model(1);
  const RaceSpec spec = spec_of(7);
  RaceField field = field_of(model, spec);
  answer(field, model, advance_race(field, spec).requests);

  const auto once = advance_race(field, spec).requests, again = advance_race(field, spec).requests;

  EXPECT_FALSE(once.empty());
  EXPECT_EQ(once, again);
}

TEST(Race, NeverAsksForAnEffectTwice) {
  const Synthetic model(2);
  const RaceSpec spec = spec_of(3);
  RaceField field = field_of(model, spec);
  std::set<RaceRequest> asked;
  std::size_t n = 0;

  for (auto step = advance_race(field, spec); !step.requests.empty(); step = advance_race(field, spec)) {
    asked.insert(step.requests.begin(), step.requests.end());
    n += step.requests.size();
    answer(field, model, step.requests);
  }

  EXPECT_EQ(asked.size(), n);
}

TEST(Race, WithEnoughForwardsFindsTheTopOfItsEntrantsExactly) {
  const Synthetic model(3);
  RaceSpec spec = spec_of(3);
  spec.first_items = kItems;
  spec.max_forwards = 1e9;
  RaceField field = field_of(model, spec);

  const RaceVerdict verdict = run_race(field, model, spec);

  for (std::size_t e = 0; e < field.entrants.size(); ++e) {
    const RaceEstimate& entrant = verdict.entrants[e];
    EXPECT_EQ(entrant.n, kItems);
    EXPECT_EQ(entrant.state, entrant.place > 0 ? RaceState::in : RaceState::out);
    EXPECT_NEAR(entrant.mean, model.mean[static_cast<std::size_t>(field.entrants[e].neuron)], 1e-5);
  }
}

TEST(DrawEntrants, TakesTheBestOfTheScreenAndOthersOnce) {
  const Synthetic model(4);

  const auto entrants = draw_entrants(model.screened, kPerLayer, spec_of(1));

  std::set<std::int64_t> neurons;
  std::map<RaceRole, int> roles;
  std::vector<double> reach, other_reach;  // of candidates and of others, and the first-order effects of both
  std::vector<double> effect, other_effect;
  for (const Entrant& entrant : entrants) {
    neurons.insert(entrant.neuron);
    ++roles[entrant.role];
    const ScreenedNeuron& screened = model.screened[static_cast<std::size_t>(entrant.neuron)];
    (entrant.role == RaceRole::candidate ? reach : other_reach).push_back(screened.reach);
    (entrant.role == RaceRole::candidate ? effect : other_effect).push_back(screened.effect);
  }
  std::sort(reach.rbegin(), reach.rend());
  std::sort(effect.begin(), effect.end());
  EXPECT_EQ(neurons.size(), entrants.size());
  EXPECT_THAT(roles, ::testing::ElementsAre(std::pair(RaceRole::candidate, 60), std::pair(RaceRole::control, 10),
                                            std::pair(RaceRole::rest, 20)));
  EXPECT_GE(reach[44], *std::max_element(other_reach.begin(), other_reach.end()));
  EXPECT_LE(effect[14], *std::min_element(other_effect.begin(), other_effect.end()));
}

TEST(DrawEntrants, TakesAllNeuronsOfASmallModel) {
  EXPECT_EQ(draw_entrants(std::vector<ScreenedNeuron>(12, {1, 0}), 4, RaceSpec{}).size(), 12u);
}

TEST(RaceSample, GrowsWithItsDepthUpToAllItems) {
  const Synthetic model(5);
  const auto row = [](const std::vector<float>& block) { return std::span(block).first(kItems); };
  const RaceSample sample(row(model.screen), row(model.reach), row(model.exact), 11);

  const auto small = sample.items(sample.depth_of(10)), large = sample.items(sample.depth_of(30));
  const auto all = sample.items(sample.depth_of(kItems));

  EXPECT_TRUE(std::includes(large.begin(), large.end(), small.begin(), small.end()));
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kItems));
  EXPECT_EQ(sample.estimate(sample.depth_of(kItems)).variance, 0);
}

TEST(RaceSample, EstimatesTheMeanWithTheVarianceItStates) {
  const Synthetic model(6);
  const auto row = [](const std::vector<float>& block) { return std::span(block).subspan(7 * kItems, kItems); };
  double mean = 0, square = 0, stated = 0;
  constexpr int kDraws = 4000;

  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const RaceSample sample(row(model.screen), row(model.reach), row(model.exact), seed);
    const auto estimate = sample.estimate(sample.depth_of(30));
    mean += estimate.mean / kDraws;
    square += estimate.mean * estimate.mean / kDraws;
    stated += estimate.variance / kDraws;
  }

  const double variance = square - mean * mean;
  EXPECT_NEAR(mean, model.mean[7], 0.02 * std::abs(model.mean[7]) + 4 * std::sqrt(variance / kDraws));
  EXPECT_NEAR(stated / variance, 1, 0.15);
}

TEST(EstimateRecall, IsOneWhenEverythingIsMeasuredExactly) {
  std::vector<RecallEntrant> entrants;
  for (int i = 0; i < 30; ++i) entrants.push_back({-static_cast<double>(i), 0, {static_cast<float>(i), 0}, i >= 20});

  const RecallEstimate recall = estimate_recall(entrants, {}, 10, 1);

  EXPECT_EQ(recall.recall, 1);
  EXPECT_EQ(recall.interval.low, 1);
}

TEST(EstimateRecall, FallsWhenUnmeasuredNeuronsReachAsFar) {
  std::vector<RecallEntrant> entrants;
  for (int i = 0; i < 30; ++i) entrants.push_back({-static_cast<double>(i), 0, {static_cast<float>(i), 0}, i >= 20});
  const std::vector<ScreenedNeuron> others(10, {25.5f, 0});

  const RecallEstimate recall = estimate_recall(entrants, others, 10, 1);

  EXPECT_LT(recall.recall, 0.75);
  EXPECT_GT(recall.recall, 0.3);
}

TEST(EstimateRecall, BelievesTheScreenWhereItIsRightAboutTheMeasuredNeurons) {
  std::vector<RecallEntrant> entrants;
  for (int i = 0; i < 30; ++i) {
    entrants.push_back({-static_cast<double>(i), 0, {static_cast<float>(i), -static_cast<float>(i)}, i >= 20});
  }
  const std::vector<ScreenedNeuron> harmless(10, {25.5f, 0}), harmful(5, {25.5f, -25.5f});

  EXPECT_EQ(estimate_recall(entrants, harmless, 10, 1).recall, 1);
  EXPECT_NEAR(estimate_recall(entrants, harmful, 10, 1).recall, 0.5, 1e-9);
}

}  // namespace
}  // namespace neurosweep
