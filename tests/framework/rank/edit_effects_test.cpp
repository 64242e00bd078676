#include "framework/rank/edit_effects.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "framework/rank/critical_set.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using testing::PlantedOutcome;

constexpr int kItems = 20;

/// Items of which the first `right` are answered correctly.
void answer(std::vector<PlantedOutcome>& to, const std::string& task, const std::string& arm, int right) {
  for (int i = 0; i < kItems; ++i) to.push_back({task, fmt::format("{}-{:02}", task, i), arm, i < right, 0});
}

EditDesign design(std::int64_t random_sets) {
  return {{{"fold@0.5", kAllTasks, "fold", 0.5}, {"fold@1", kAllTasks, "fold", 1}}, {"sort"}, 10, random_sets};
}

class EditEffects : public ::testing::Test {
 protected:
  /// Effects by (arm, task), of add as the target and sort as the guard.
  std::vector<EditEffectRow> reduce(std::int64_t random_sets) {
    std::vector<PlantedOutcome> outcomes;
    for (const auto& [arm, add, sort] : std::vector<std::tuple<std::string, int, int>>{
             {"baseline", 10, 18}, {"fold@0.5", 14, 16}, {"fold@1", 20, 15}}) {
      answer(outcomes, "add", arm, add);
      answer(outcomes, "sort", arm, sort);
      for (std::int64_t i = 0; i < random_sets && arm != "baseline"; ++i) {
        answer(outcomes, "add", random_arm(arm, i), 10 - 2 * static_cast<int>(i));
        answer(outcomes, "sort", random_arm(arm, i), 18);
      }
    }
    store_.add_outcomes("edited", outcomes);
    reduce_edits(store_.db(), "edited", design(random_sets));
    return store_.db().select<EditEffectRow>("ORDER BY arm, task");
  }

  testing::SyntheticStore store_;
};

TEST_F(EditEffects, CompareWithTheUneditedModelAndCorrectOverAllRows) {
  const auto rows = reduce(0);

  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].arm, "fold@0.5");
  EXPECT_EQ(rows[0].amount, 0.5);
  EXPECT_EQ(rows[2].task, "add");
  EXPECT_EQ(rows[2].fixed, 10);
  EXPECT_EQ(rows[2].broken, 0);
  EXPECT_DOUBLE_EQ(rows[2].baseline_accuracy, 0.5);
  EXPECT_DOUBLE_EQ(rows[2].change, 0.5);
  EXPECT_LT(rows[2].change_low, 0.5);
  EXPECT_DOUBLE_EQ(rows[2].mcnemar_p, std::exp2(-9));
  EXPECT_DOUBLE_EQ(rows[2].holm_p, 4 * std::exp2(-9)) << "the least of four p values";
  EXPECT_EQ(rows[2].n_random_sets, 0);
  EXPECT_FALSE(rows[2].random_p);
}

TEST_F(EditEffects, OfAGuardPassUpToTheBoundAndAreNotJudgedElsewhere) {
  const auto rows = reduce(0);

  EXPECT_EQ(rows[1].task, "sort");
  EXPECT_EQ(rows[1].guard, 1);
  EXPECT_EQ(rows[1].passed, 1) << "a drop of 10 points is allowed";
  EXPECT_EQ(rows[3].passed, 0) << "one of 15 is not";
  EXPECT_EQ(rows[0].guard, 0);
  EXPECT_FALSE(rows[0].passed);
}

TEST_F(EditEffects, CompareWithTheMeanOfTheControls) {
  const auto rows = reduce(2);

  ASSERT_EQ(rows.size(), 4U) << "controls have no row of their own";
  EXPECT_EQ(rows[2].n_random_sets, 2);
  EXPECT_DOUBLE_EQ(rows[2].random_accuracy.value(), 0.45);
  EXPECT_DOUBLE_EQ(rows[2].difference.value(), 0.55);
  EXPECT_LT(rows[2].random_p.value(), 0.001);
  EXPECT_GT(rows[2].random_holm_p.value(), rows[2].random_p.value());
  EXPECT_DOUBLE_EQ(rows[3].difference.value(), -0.15);
}

TEST_F(EditEffects, CountOnlyItemsAnsweredUnderBothArms) {
  std::vector<PlantedOutcome> outcomes;
  answer(outcomes, "add", "baseline", 10);
  outcomes.push_back({"add", "add-00", "fold@1", false, 0});
  outcomes.push_back({"add", "add-77", "fold@1", true, 0});
  store_.add_outcomes("edited", outcomes);

  reduce_edits(store_.db(), "edited", design(3));

  const auto rows = store_.db().select<EditEffectRow>();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].n, 1);
  EXPECT_EQ(rows[0].broken, 1);
  EXPECT_EQ(rows[0].n_random_sets, 0) << "no item was answered under its controls";
}

}  // namespace
}  // namespace neurosweep
