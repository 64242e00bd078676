#include "framework/rank/compare_methods.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "framework/rank/contrast_stability.hpp"
#include "framework/rank/counter_rng.hpp"
#include "framework/rank/exact_effects.hpp"
#include "framework/rank/neuron_effects.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PlantedArm;
using testing::PlantedTrace;
using testing::SyntheticStore;

NeuronId id(int layer, int neuron) {
  return {LayerIndex{layer}, NeuronIndex{neuron}};
}

TEST(Jaccard, IsSharedOverEither) {
  EXPECT_EQ(jaccard({id(0, 0), id(0, 1)}, {id(0, 1), id(1, 1)}), 1.0 / 3);
  EXPECT_EQ(jaccard({id(0, 0)}, {id(0, 0)}), 1);
  EXPECT_EQ(jaccard({}, {}), 1);
}

/// A sweep of all 8 neurons over 6 items: flat neuron k has effect -k, and -k - 1 on odd items.
void add_full_sweep(SyntheticStore& store, std::size_t neurons = 8) {
  std::vector<PlantedArm> arms;
  for (std::size_t k = 0; k < neurons; ++k) {
    arms.push_back({static_cast<std::int64_t>(k / 4), static_cast<std::int64_t>(k % 4)});
  }
  arms.push_back({0, 0, "control"});
  store.add_sweep("sweep", {"add"}, 6, arms, [](const std::string&, int item, const PlantedArm& arm) {
    return -static_cast<double>(arm.layer * 4 + arm.neuron) - item % 2;
  });
}

ModelRow tiny(const SyntheticStore& store) {
  return read_model(const_cast<SyntheticStore&>(store).db(), "tiny");
}

TEST(ExactEffects, AreReadItemByItemAndRankedByHarm) {
  SyntheticStore store;
  add_full_sweep(store);

  const auto effects = read_exact_effects(store.db(), "sweep", "reasoning_logprob", tiny(store), "add");

  ASSERT_TRUE(effects);
  EXPECT_EQ(effects->n_items(), 6u);
  EXPECT_EQ(effects->means()[5], -5.5);
  EXPECT_THAT(most_harmful(*effects, 2), ElementsAre(id(1, 3), id(1, 2)));
  EXPECT_FALSE(read_exact_effects(store.db(), "sweep", "reasoning_logprob", tiny(store), "sort"));
  EXPECT_FALSE(read_exact_effects(store.db(), "sweep", "accuracy", tiny(store), "add"));
}

TEST(ExactEffects, OfSomeNeuronsOnlyAreAnError) {
  SyntheticStore store;
  add_full_sweep(store, 7);

  try {
    read_exact_effects(store.db(), "sweep", "reasoning_logprob", tiny(store), "add");
    FAIL() << "half a truth";
  } catch (const Error& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("7 of 8 neurons"));
  }
}

TEST(SetHarm, ComparesWithTheOtherNeuronsOfTheSameLayers) {
  SyntheticStore store;
  add_full_sweep(store);
  const auto effects = read_exact_effects(store.db(), "sweep", "reasoning_logprob", tiny(store), "add");

  const SetHarm harm = set_harm(*effects, {id(0, 3), id(1, 3), id(1, 2)}, 1);

  EXPECT_DOUBLE_EQ(harm.effect.mean, -(3 + 7 + 6) / 3.0 - 0.5);
  EXPECT_DOUBLE_EQ(harm.random_effect, -(1.0 + 2 * 4.5) / 3 - 0.5);  // layer 0: 0, 1, 2; layer 1: 4, 5
  EXPECT_NEAR(harm.difference->low, harm.effect.mean - harm.random_effect, 1e-9);
  EXPECT_EQ(*harm.p, 2.0 / 64);
  EXPECT_THROW(set_harm(*effects, {id(0, 0), id(0, 1), id(0, 2), id(0, 3)}, 1), Error);
}

/// `items` items with a correct and an incorrect trace; neuron 7 tells them apart, the others differ by noise.
void add_contrast_traces(SyntheticStore& store, int items, double noise) {
  CounterRng rng(4);
  std::vector<PlantedTrace> traces;
  for (int item = 0; item < items; ++item) {
    for (const bool correct : {true, false}) {
      std::vector<float> means(8);
      for (float& mean : means) mean = static_cast<float>(noise * (rng.uniform() - 0.5));
      means[7] += correct ? 1.0F : -1.0F;
      traces.push_back({"add", std::to_string(item), correct ? 0 : 1, correct, means});
    }
  }
  store.add_traces("traces", traces);
}

ContrastSpec contrast_spec(std::int64_t K) {
  return {"contrast", "traces", {"tiny"}, {"add"}, K, Polarity::any};
}

TEST(ContrastStability, IsOneForAClearNeuronAndLessForNoise) {
  SyntheticStore store;
  add_contrast_traces(store, 12, 0.5);

  const auto clear = contrast_stability(store.db(), contrast_spec(1), tiny(store), "add", 100, 1);
  const auto noisy = contrast_stability(store.db(), contrast_spec(4), tiny(store), "add", 100, 1);

  EXPECT_EQ(clear->mean, 1);
  EXPECT_EQ(clear->resamples, 100);
  EXPECT_LT(noisy->mean, 0.9);
  EXPECT_GT(noisy->mean, 0.2);
  EXPECT_LE(noisy->middle.low, noisy->mean);
  EXPECT_FALSE(contrast_stability(store.db(), contrast_spec(1), tiny(store), "sort", 100, 1));
}

class CompareTest : public ::testing::Test {
 protected:
  CompareTest() {
    add_contrast_traces(store_, 12, 0.5);
    add_full_sweep(store_);
    RankSpec rank;
    rank.experiment = "sweep";
    rank_neurons(store_.db(), rank);
    reduce_contrast(store_.db(), contrast_spec(2));
    ContrastSpec random = contrast_spec(2);
    random.experiment = "random";
    reduce_random(store_.db(), random, 1);
    spec_.experiment = "compare";
    spec_.methods = {{"contrast", contrast_spec(2)}, {"random", std::nullopt}};
    spec_.truth = "sweep";
    spec_.models = {"tiny"};
    spec_.tasks = {"add"};
    spec_.top = 2;
    spec_.resamples = 100;
  }

  SyntheticStore store_;
  CompareSpec spec_;
};

TEST_F(CompareTest, HoldsEachMethodAgainstTheTruth) {
  compare_methods(store_.db(), spec_);

  const auto rows = store_.db().select<MethodQualityRow>("WHERE task = 'add' ORDER BY method");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].method, "contrast");
  EXPECT_EQ(rows[0].truth, "sweep");
  EXPECT_GE(*rows[0].recall, 0.5) << "neuron 7 is the most harmful and differs most";
  EXPECT_EQ(rows[0].n_items, 6);
  EXPECT_TRUE(rows[0].rank_correlation);
  EXPECT_EQ(rows[0].n_resamples, 100);
  EXPECT_EQ(rows[1].method, "random");
  EXPECT_EQ(rows[1].rank_correlation, std::nullopt);
  EXPECT_EQ(rows[1].stability, std::nullopt);
  EXPECT_EQ(rows[1].n_resamples, 0);
  for (const auto& row : rows) EXPECT_NEAR(*row.difference, *row.mean_effect - *row.random_effect, 1e-12);
}

TEST_F(CompareTest, WritesTheOverlapOfEachPairForTaskAndPool) {
  compare_methods(store_.db(), spec_);

  const auto rows = store_.db().select<MethodOverlapRow>("ORDER BY task");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].task, kAllTasks);
  EXPECT_EQ(rows[1].method_a, "contrast");
  EXPECT_EQ(rows[1].method_b, "random");
  EXPECT_EQ(rows[1].shared, 0);
  EXPECT_EQ(rows[1].jaccard, 0);
  EXPECT_EQ(rows[1].rank_correlation, std::nullopt);
}

TEST_F(CompareTest, CorrelatesTheRanksOfMethodsThatScoreEveryNeuron) {
  ContrastSpec again = contrast_spec(2);
  again.experiment = "again";
  reduce_contrast(store_.db(), again);
  spec_.methods = {{"contrast", std::nullopt}, {"again", std::nullopt}};

  compare_methods(store_.db(), spec_);

  const auto row = store_.db().select<MethodOverlapRow>("WHERE task = 'add'").at(0);
  EXPECT_DOUBLE_EQ(*row.rank_correlation, 1);
  EXPECT_EQ(row.jaccard, 1);
}

TEST_F(CompareTest, WithoutATruthSaysOverlapAndStabilityOnly) {
  spec_.truth = "";

  compare_methods(store_.db(), spec_);

  for (const auto& row : store_.db().select<MethodQualityRow>()) {
    EXPECT_EQ(row.truth, std::nullopt);
    EXPECT_EQ(row.recall, std::nullopt);
    EXPECT_EQ(row.mean_effect, std::nullopt);
  }
}

TEST_F(CompareTest, OfMethodsWithoutASetIsAnError) {
  spec_.methods = {{"nobody", std::nullopt}, {"none", std::nullopt}};

  EXPECT_THROW(compare_methods(store_.db(), spec_), Error);
}

TEST(ReduceAttribution, RanksByEstimatedHarmForTaskAndPool) {
  SyntheticStore store;
  RoundRow round{0, "race", "race", 0, "hash", 2, "{}"};
  write_round(store.db(), round);
  for (std::int64_t unit = 0; unit < 2; ++unit) {
    store.db().insert(std::vector<UnitRow>{{0, unit, "unit", 1, 0, 0.1, "2000-01-01T00:00:00Z", 0}});
    ScreenBlockRow block;
    block.unit = unit;
    block.model = "tiny";
    block.task = "add";
    block.item = std::to_string(unit);
    block.metric = "reasoning_logprob";
    block.n = 8;
    block.effects = {0, 1, -3, 0, 0, unit == 0 ? -8.0F : -2.0F, 0, 0};
    store.db().insert(std::vector<ScreenBlockRow>{block});
  }

  reduce_attribution(store.db(), {"attribution", "race", {"tiny"}, {"add"}, 2, Polarity::any});

  const auto sets = read_critical_sets(store.db(), "attribution");
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0].task, kAllTasks);
  ASSERT_EQ(sets[1].neurons.size(), 2u);
  EXPECT_EQ(sets[1].neurons[0].id, id(1, 1));
  EXPECT_EQ(sets[1].neurons[0].effect, -5);
  EXPECT_EQ(sets[1].neurons[1].id, id(0, 2));
  EXPECT_EQ(store.db().select<NeuronScoreRow>("WHERE task = 'add' AND neuron = 1 AND layer = 1").at(0).score, 5);
}

}  // namespace
}  // namespace neurosweep
