#include "framework/rank/neuron_effects.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "framework/rank/counter_rng.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::PlantedArm;
using testing::SyntheticStore;

TEST(Judge, WantsSignificanceHarmAndAMeanBeyondTheControls) {
  const EffectFamily family{{{-1, 1e-4}, {1, 1e-4}, {-0.3, 1e-4}, {-2, 0.8}}, {-0.5, 0}};

  const auto verdicts = judge_candidates(std::vector{family}, {});

  EXPECT_TRUE(verdicts[0][0].critical);
  EXPECT_FALSE(verdicts[0][1].critical) << "it raises the metric";
  EXPECT_FALSE(verdicts[0][2].critical) << "controls do as much";
  EXPECT_FALSE(verdicts[0][3].critical) << "it is not significant";
}

TEST(Judge, CallsNothingCriticalWithoutControls) {
  const auto verdicts = judge_candidates(std::vector{EffectFamily{{{-1, 1e-4}}, {}}}, {});

  EXPECT_FALSE(verdicts[0][0].critical);
  EXPECT_LT(verdicts[0][0].q.value(), 0.05);
}

TEST(Judge, LeavesAnUntestedCandidateWithoutVerdict) {
  const auto verdicts = judge_candidates(std::vector{EffectFamily{{{-1, std::nullopt}}, {0}}}, {});

  EXPECT_FALSE(verdicts[0][0].q.has_value());
  EXPECT_FALSE(verdicts[0][0].critical);
}

TEST(Judge, AdjustsOverTheCandidatesOfAllFamilies) {
  const EffectFamily one{{{-1, 1e-4}}, {0}};
  const EffectFamily noise{{{-1, 0.9}}, {0}};

  const auto alone = judge_candidates(std::vector{one}, {});
  const auto both = judge_candidates(std::vector{one, noise}, {});

  EXPECT_DOUBLE_EQ(both[0][0].q.value(), 2 * alone[0][0].q.value());
}

TEST(ClassOfNeuron, CountsTasks) {
  EXPECT_STREQ(class_of_neuron(0, 2), "none");
  EXPECT_STREQ(class_of_neuron(1, 2), "specific");
  EXPECT_STREQ(class_of_neuron(2, 2), "general");
}

/// Every neuron of "tiny" is a candidate, and two of them controls besides.
std::vector<PlantedArm> all_arms() {
  std::vector<PlantedArm> arms;
  for (int flat = 0; flat < 8; ++flat) arms.push_back({flat / 4, flat % 4});
  arms.push_back({0, 2, "control"});
  arms.push_back({1, 3, "control"});
  return arms;
}

/// Neuron 0.1 is needed for both tasks, 1.2 for "sort" only; all else is noise.
double planted_effect(const std::string& task, int item, const PlantedArm& arm) {
  const std::uint64_t seed = static_cast<std::uint64_t>(item * 100 + arm.layer * 10 + arm.neuron) + (task == "add");
  const double noise = 0.1 * (CounterRng(seed).uniform() - 0.5);
  if (arm.layer == 0 && arm.neuron == 1) return -1 + noise;
  if (arm.layer == 1 && arm.neuron == 2 && task == "sort") return -0.5 + noise;
  return noise;
}

constexpr NeuronId kGeneral{LayerIndex{0}, NeuronIndex{1}};
constexpr NeuronId kSpecific{LayerIndex{1}, NeuronIndex{2}};

std::vector<NeuronId> members(const CriticalSet& set) {
  std::vector<NeuronId> ids;
  for (const CriticalNeuron& neuron : set.neurons) ids.push_back(neuron.id);
  return ids;
}

TEST(RankNeurons, FindsThePlantedNeuronsAndNoOther) {
  SyntheticStore store;
  store.add_sweep("sweep", {"add", "sort"}, 12, all_arms(), planted_effect);

  std::map<std::string, CriticalSet> sets;
  for (CriticalSet& set : rank_neurons(store.db(), {.experiment = "sweep"})) sets[set.task] = std::move(set);

  EXPECT_EQ(members(sets["add"]), std::vector{kGeneral});
  EXPECT_EQ(members(sets["sort"]), (std::vector{kGeneral, kSpecific}));
  EXPECT_EQ(members(sets[kAllTasks]), (std::vector{kGeneral, kSpecific}));
  EXPECT_NEAR(sets["sort"].neurons[1].effect, -0.5, 0.05);
}

TEST(RankNeurons, StoresTheSetsItReturns) {
  SyntheticStore store;
  store.add_sweep("sweep", {"add", "sort"}, 12, all_arms(), planted_effect);

  rank_neurons(store.db(), {.experiment = "sweep"});
  const CriticalSet stored = read_critical_set(store.db(), "sweep", "tiny", "sort");

  EXPECT_EQ(members(stored), (std::vector{kGeneral, kSpecific}));
  EXPECT_EQ(stored.source, "sweep");
  EXPECT_LT(stored.neurons[0].q, 0.005);  // the smallest p of 12 items is 2 / 2^12
}

TEST(RankNeurons, TellsGeneralFromSpecificNeurons) {
  SyntheticStore store;
  store.add_sweep("sweep", {"add", "sort"}, 12, all_arms(), planted_effect);

  rank_neurons(store.db(), {.experiment = "sweep"});

  const auto classes = store.db().select<NeuronClassRow>("ORDER BY layer, neuron");
  ASSERT_EQ(classes.size(), 8u);
  EXPECT_EQ(classes[1].class_name, "general");
  EXPECT_EQ(classes[1].tasks, "add,sort");
  EXPECT_EQ(classes[6].class_name, "specific");
  EXPECT_EQ(classes[6].tasks, "sort");
  EXPECT_EQ(classes[0].class_name, "none");
}

TEST(RankNeurons, WritesMeanIntervalAndRankOfEveryArm) {
  SyntheticStore store;
  store.add_sweep("sweep", {"add"}, 3, {{0, 0}, {0, 1}, {1, 0, "control"}},
                  [](const std::string&, int item, const PlantedArm& arm) { return arm.neuron == 1 ? -1 - item : 0; });

  rank_neurons(store.db(), {.experiment = "sweep"});

  const auto rows = store.db().select<NeuronEffectRow>("WHERE task = 'add' ORDER BY layer, neuron");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].n, 3);
  EXPECT_DOUBLE_EQ(rows[1].mean, -2);
  EXPECT_DOUBLE_EQ(rows[1].sd.value(), 1);
  EXPECT_NEAR(rows[1].ci_low.value(), -2 - 4.302652729911275 / std::sqrt(3.0), 1e-9);  // t(0.975, 2)
  EXPECT_EQ(rows[1].rank_no, 1);
  EXPECT_EQ(rows[0].rank_no, 2);
  EXPECT_DOUBLE_EQ(rows[0].p.value(), 1) << "a dead neuron";
  EXPECT_EQ(rows[2].role, "control");
  EXPECT_EQ(rows[2].rank_no, std::nullopt);
  EXPECT_EQ(rows[2].q, std::nullopt);
}

TEST(RankNeurons, CountsAnItemOnceHoweverOftenItWasMeasured) {
  SyntheticStore store;
  const std::vector<PlantedArm> arms = {{0, 0}, {0, 1, "control"}};
  store.add_sweep("sweep", {"add"}, 4, arms, [](const std::string&, int item, const PlantedArm&) { return item; });
  store.add_sweep("sweep", {"add"}, 2, arms, [](const std::string&, int item, const PlantedArm&) { return item + 2; });

  rank_neurons(store.db(), {.experiment = "sweep"});

  const auto rows = store.db().select<NeuronEffectRow>("WHERE task = 'add' AND role = 'candidate'");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].n, 4);
  EXPECT_DOUBLE_EQ(rows[0].mean, (1 + 2 + 2 + 3) / 4.0);  // items 0 and 1 averaged over the two rounds
}

TEST(RankNeurons, KeepsInterventionsOfDifferentStrengthApart) {
  SyntheticStore store;
  const std::vector<PlantedArm> arms = {{0, 0, "candidate", "scale", 0.5}, {0, 0, "candidate", "scale", 2}};
  store.add_sweep("sweep", {"add"}, 2, arms, [](const std::string&, int, const PlantedArm& arm) { return arm.value; });

  rank_neurons(store.db(), {.experiment = "sweep"});

  const auto rows = store.db().select<NeuronEffectRow>("WHERE task = 'add' ORDER BY mean");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].op, "scale 0.5 generated");
  EXPECT_EQ(rows[1].op, "scale 2 generated");
}

TEST(RankNeurons, ComparesNeuronsSetToValuesOfTheirOwn) {
  SyntheticStore store;
  const std::vector<PlantedArm> arms = {{0, 0, "candidate", "set", 0.5}, {0, 1, "control", "set", 0.25}};
  store.add_sweep("sweep", {"add"}, 4, arms, [](const std::string&, int item, const PlantedArm& arm) {
    return arm.neuron == 0 ? -1 : 0.1 * item;
  });

  const auto sets = rank_neurons(store.db(), {.experiment = "sweep", .fdr = 0.2});

  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(store.db().select<NeuronEffectRow>().at(0).op, "set");
}

TEST(RankNeurons, LeavesNonFiniteEffectsOutOfTheMean) {
  SyntheticStore store;
  store.add_sweep("sweep", {"add"}, 3, {{0, 0}, {0, 1, "control"}},
                  [](const std::string&, int item, const PlantedArm&) {
                    return item == 0 ? -std::numeric_limits<double>::infinity() : -1.0;
                  });

  rank_neurons(store.db(), {.experiment = "sweep"});

  const auto rows = store.db().select<NeuronEffectRow>("WHERE task = 'add' AND role = 'candidate'");
  EXPECT_EQ(rows.at(0).n, 2);
  EXPECT_DOUBLE_EQ(rows.at(0).mean, -1);
}

TEST(RankNeurons, OfOneItemHasNoIntervalAndNoVerdict) {
  SyntheticStore store;
  store.add_sweep("sweep", {"add"}, 1, all_arms(), planted_effect);

  const auto sets = rank_neurons(store.db(), {.experiment = "sweep"});

  EXPECT_TRUE(sets.empty());
  for (const NeuronEffectRow& row : store.db().select<NeuronEffectRow>()) {
    EXPECT_EQ(row.sd, std::nullopt);
    EXPECT_EQ(row.p, std::nullopt);
    EXPECT_EQ(row.critical, 0);
  }
}

TEST(RankNeurons, MakesSetsFromTheAskedMetricOnly) {
  SyntheticStore store;
  store.add_sweep("sweep", {"add"}, 12, all_arms(), planted_effect, "answer_logprob");

  try {
    rank_neurons(store.db(), {.experiment = "sweep", .metric = "reasoning_logprob"});
    FAIL() << "a metric without effects was ranked";
  } catch (const Error& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("measured: answer_logprob"));
  }
}

TEST(RankNeurons, HoldsTheTopAsked) {
  SyntheticStore store;
  store.add_sweep("sweep", {"sort"}, 12, all_arms(), planted_effect);

  const auto sets = rank_neurons(store.db(), {.experiment = "sweep", .top = 1});

  for (const CriticalSet& set : sets) EXPECT_EQ(members(set), std::vector{kGeneral});
}

TEST(RankNeurons, RefusesAnExperimentThatDidNotRun) {
  SyntheticStore store;

  EXPECT_THROW(rank_neurons(store.db(), {.experiment = "sweep"}), Error);
}

TEST(RankNeurons, FindsNextToNothingInPureNoise) {
  int found = 0;
  for (int study = 0; study < 20; ++study) {
    SyntheticStore store;
    store.add_sweep("sweep", {"add"}, 8, all_arms(), [&](const std::string&, int item, const PlantedArm& arm) {
      const int cell = ((study * 8 + item) * 4 + static_cast<int>(arm.layer)) * 8 + static_cast<int>(arm.neuron);
      return CounterRng(static_cast<std::uint64_t>(cell)).uniform() - 0.5;
    });
    for (const CriticalSet& set : rank_neurons(store.db(), {.experiment = "sweep"})) found += set.task == "add" ? 1 : 0;
  }

  EXPECT_LE(found, 4);  // 20 studies at fdr 0.05: P[Binomial(20, 0.05) > 4] = 0.003
}

}  // namespace
}  // namespace neurosweep
