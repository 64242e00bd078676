#include "framework/rank/set_effects.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "framework/rank/proportions.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PlantedOutcome;
using testing::SyntheticStore;

TEST(SetEffectOf, CountsDiscordantItemsAndTestsThem) {
  std::vector<PairedAnswer> items(10, {true, false, -2.0});
  items.insert(items.end(), 2, {false, true, 1.0});
  items.insert(items.end(), 8, {true, true, 0.0});

  const SetEffect effect = set_effect_of(items, 1);

  EXPECT_EQ(effect.n, 20);
  EXPECT_EQ(effect.n_correct, 10);
  EXPECT_EQ(effect.n_baseline_correct, 18);
  EXPECT_NEAR(effect.mcnemar_p, 0.03857421875, 1e-12);
  EXPECT_DOUBLE_EQ(effect.logprob_change.value(), (10 * -2.0 + 2) / 20);
  EXPECT_LT(effect.logprob_interval->high, 0);
  EXPECT_LT(effect.wilcoxon_p.value(), 0.05);
}

TEST(SetEffectOf, OneItemHasNoInterval) {
  const SetEffect effect = set_effect_of(std::vector<PairedAnswer>{{true, false, -1.0}}, 1);

  EXPECT_FALSE(effect.logprob_interval.has_value());
  EXPECT_EQ(effect.mcnemar_p, 1);
  EXPECT_THROW(set_effect_of({}, 1), Error);
}

TEST(SetContrastOf, FindsAPlantedDifference) {
  std::vector<ContrastItem> items(12, {false, 2, 2});
  items.insert(items.end(), 4, {true, 1, 2});

  const SetContrast contrast = set_contrast_of(items, 1);

  EXPECT_DOUBLE_EQ(contrast.critical_accuracy, 4.0 / 16);
  EXPECT_DOUBLE_EQ(contrast.random_accuracy, 14.0 / 16);
  EXPECT_DOUBLE_EQ(contrast.difference, -10.0 / 16);
  EXPECT_LT(contrast.p, 0.01);
  EXPECT_LT(contrast.interval->high, 0);
}

TEST(SetContrastOf, AgreesWithEveryDealOfTheAnswers) {
  const std::vector<ContrastItem> items = {{true, 1, 3}, {false, 3, 3}, {false, 2, 3}, {false, 1, 3}, {true, 3, 3}};
  int at_most = 0, at_least = 0;  // of the 4^5 deals of the four answers of each item
  for (int deal = 0; deal < 1024; ++deal) {
    int correct = 0;
    for (int i = 0; i < 5; ++i) correct += (deal >> (2 * i) & 3) < items[i].critical + items[i].random_correct ? 1 : 0;
    at_most += correct <= 2 ? 1 : 0;
    at_least += correct >= 2 ? 1 : 0;
  }

  EXPECT_NEAR(set_contrast_of(items, 1).p, 2 * std::min(at_most, at_least) / 1024.0, 1e-14);
}

TEST(SetContrastOf, IsMcNemarsTestWithOneRandomSet) {
  std::vector<ContrastItem> items(10, {false, 1, 1});
  items.insert(items.end(), 2, {true, 0, 1});
  items.insert(items.end(), 8, {true, 1, 1});

  EXPECT_NEAR(set_contrast_of(items, 1).p, mcnemar_exact_p(10, 2), 1e-14);
}

TEST(SetContrastOf, LossesOfOneRandomSetOnlyProveNothing) {
  std::vector<ContrastItem> items(288, {true, 5, 5});
  items.insert(items.end(), 12, {true, 4, 5});

  EXPECT_NEAR(set_contrast_of(items, 1).p, 2 * std::pow(5.0 / 6, 12), 1e-12);
}

/// 20 items of each task: right untouched and under random sets, wrong under the critical set except the first four.
std::vector<PlantedOutcome> planted_outcomes(const std::vector<std::string>& arms) {
  std::vector<PlantedOutcome> outcomes;
  for (const char* task : {"add", "sort"}) {
    for (int item = 0; item < 20; ++item) {
      for (const std::string& arm : arms) {
        const bool critical = arm == "critical";
        outcomes.push_back({task, std::to_string(item), arm, !critical || item < 4, critical ? -3.0 - item : -1.0});
      }
    }
  }
  return outcomes;
}

TEST(ReduceSetEffects, WritesAccuracyChangeAndProof) {
  SyntheticStore store;
  store.add_outcomes("suppress", planted_outcomes({"baseline", "critical", "random-00", "random-01"}));

  EXPECT_THAT(reduce_set_effects(store.db(), "suppress"), ElementsAre());

  const auto rows = store.db().select<SetEffectRow>("WHERE task = 'add' ORDER BY set_name");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].set_name, "baseline");
  EXPECT_EQ(rows[0].accuracy, 1);
  EXPECT_EQ(rows[0].mcnemar_p, std::nullopt);
  EXPECT_EQ(rows[1].n, 20);
  EXPECT_DOUBLE_EQ(rows[1].accuracy, 0.2);
  EXPECT_DOUBLE_EQ(rows[1].accuracy_change, -0.8);
  EXPECT_DOUBLE_EQ(rows[1].mcnemar_p.value(), std::exp2(-15));  // 16 lost, none gained
  EXPECT_DOUBLE_EQ(rows[1].logprob_change.value(), -2 - 9.5);
  EXPECT_DOUBLE_EQ(rows[2].mcnemar_p.value(), 1);
}

TEST(ReduceSetEffects, ContrastsCriticalWithRandomForTaskAndPool) {
  SyntheticStore store;
  store.add_outcomes("suppress", planted_outcomes({"baseline", "critical", "random-00", "random-01"}));

  reduce_set_effects(store.db(), "suppress");

  const auto rows = store.db().select<SetContrastRow>("ORDER BY task");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].task, "*");
  EXPECT_EQ(rows[0].n, 40);
  EXPECT_EQ(rows[1].n, 20);
  EXPECT_DOUBLE_EQ(rows[1].difference, -0.8);
  EXPECT_LT(rows[1].p.value(), 0.001);
  EXPECT_EQ(rows[1].n_random_sets, 2);
}

TEST(ReduceSetEffects, SaysWhenThereIsNothingToCompareWith) {
  SyntheticStore store;
  store.add_outcomes("suppress", planted_outcomes({"baseline", "critical"}));

  const auto problems = reduce_set_effects(store.db(), "suppress");

  EXPECT_THAT(problems, ::testing::SizeIs(3));
  EXPECT_THAT(problems, ::testing::Each(HasSubstr("has no answers under random sets")));
  EXPECT_TRUE(store.db().select<SetContrastRow>().empty());
}

TEST(ReduceSetEffects, RefusesAnItemAnsweredTwiceUnderOneArm) {
  SyntheticStore store;
  store.add_outcomes("suppress", planted_outcomes({"baseline", "baseline"}));

  EXPECT_THROW(reduce_set_effects(store.db(), "suppress"), Error);
}

TEST(ReduceSetEffects, GivesTheSameRowsWhenRunAgain) {
  SyntheticStore store;
  store.add_outcomes("suppress", planted_outcomes({"baseline", "critical", "random-00"}));
  reduce_set_effects(store.db(), "suppress");
  const auto before = store.db().select<SetEffectRow>("WHERE set_name = 'critical' AND task = '*'").at(0);

  reduce_set_effects(store.db(), "suppress");

  const auto after = store.db().select<SetEffectRow>("WHERE set_name = 'critical' AND task = '*'").at(0);
  EXPECT_EQ(before.logprob_low, after.logprob_low);
  EXPECT_EQ(before.logprob_high, after.logprob_high);
}

}  // namespace
}  // namespace neurosweep
