#include "framework/rank/steering_effects.hpp"

#include <gmock/gmock.h>

#include "tests/framework/rank/synthetic_store.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PlantedOutcome;

TEST(Holm, GivesTheTextbooksValues) {
  EXPECT_THAT(
      holm(std::vector<double>{0.01, 0.04, 0.03, 0.005}),
      ElementsAre(DoubleNear(0.03, 1e-12), DoubleNear(0.06, 1e-12), DoubleNear(0.06, 1e-12), DoubleNear(0.02, 1e-12)));
  EXPECT_THAT(holm(std::vector<double>{0.9, 0.8}), ElementsAre(1, 1));
  expect_error(ErrorKind::input, HasSubstr("outside [0, 1]"), [] { holm(std::vector<double>{1.5}); });
}

TEST(McnemarItemsNeeded, AgreesWithConnorAndGrowsAsTheChangeShrinks) {
  // By hand: (1.959964 sqrt(0.3) + 0.841621 sqrt(0.3 - 0.01))^2 / 0.01 = 233.3.
  EXPECT_EQ(mcnemar_items_needed(0.2, 0.1, 0.05, 0.8), 234);
  EXPECT_GT(mcnemar_items_needed(0.11, 0.1, 0.05, 0.8), 15000);
  EXPECT_EQ(mcnemar_items_needed(0.1, 0.1, 0.05, 0.8), 0) << "no number is enough";
}

/// A steer experiment of one variant over two tasks: round 0 with two strengths, round 1 with one for each task.
class SteeringEffects : public ::testing::Test {
 protected:
  void add_round(std::int64_t round_no, const std::vector<SteerArmRow>& arms,
                 const std::vector<PlantedOutcome>& outcomes) {
    store_.add_outcomes(round_no == 0 ? "steer" : "later", outcomes);
    store_.db().insert(arms);
    if (round_no == 0) return;
    store_.db().connection().exec("UPDATE round SET experiment = 'steer', round_no = 1 WHERE experiment = 'later'");
  }

  static SteerArmRow arm(std::int64_t round_id, const std::string& task, double strength) {
    return {round_id, "tiny", task, fmt::format("push@{}", strength), "push", strength, 3, "push", task};
  }

  /// Items with the given answers without and with steering.
  static void answer(std::vector<PlantedOutcome>& to, const std::string& task, const std::string& arm, int first, int n,
                     bool before, bool after) {
    for (int i = first; i < first + n; ++i) {
      const std::string item = fmt::format("{}-{}", task, i);
      if (arm.empty()) to.push_back({task, item, "baseline", before, 0});
      if (!arm.empty()) to.push_back({task, item, arm, after, 0});
    }
  }

  testing::SyntheticStore store_;
};

TEST_F(SteeringEffects, TakeTheBestStrengthOfTheValidateStageAndTheSmallerOfEquals) {
  std::vector<PlantedOutcome> outcomes;
  answer(outcomes, "add", "", 0, 10, false, false);
  answer(outcomes, "add", "push@0.1", 0, 4, false, true);
  answer(outcomes, "add", "push@0.1", 4, 6, false, false);
  answer(outcomes, "add", "push@0.5", 0, 4, false, true);
  answer(outcomes, "add", "push@0.5", 4, 6, false, false);
  answer(outcomes, "add", "push@1", 0, 10, false, false);
  add_round(0, {arm(0, "add", 0.1), arm(0, "add", 0.5), arm(0, "add", 1)}, outcomes);

  EXPECT_EQ(ValidatedStrengths(store_.db(), "steer").best("tiny", {"add"}, "push"), 0.1);
  EXPECT_EQ(ValidatedStrengths(store_.db(), "steer").best("tiny", {"sort"}, "push"), std::nullopt);
}

TEST_F(SteeringEffects, CountFixedAndBrokenItemsAndPoolTheTasksAtTheirOwnStrengths) {
  std::vector<PlantedOutcome> validated, tested;
  answer(validated, "add", "", 0, 2, false, false);
  answer(validated, "add", "push@0.1", 0, 2, false, true);
  add_round(0, {arm(0, "add", 0.1)}, validated);
  answer(tested, "add", "", 0, 12, false, false);
  answer(tested, "add", "push@0.1", 0, 12, false, true);
  answer(tested, "sort", "", 0, 3, true, false);
  answer(tested, "sort", "push@0.5", 0, 3, true, false);
  add_round(1, {arm(1, "add", 0.1), arm(1, "sort", 0.5)}, tested);
  store_.db().insert(std::vector<SteerGateRow>{{1, "tiny", "sort", "push", "sort-0", 0.2, 0}});

  reduce_steering(store_.db(), "steer");

  const auto rows = store_.db().select<SteerEffectRow>("WHERE stage = 'test' ORDER BY task");
  ASSERT_EQ(rows.size(), 3U);
  const auto& [pool, add, sort] = std::tie(rows[0], rows[1], rows[2]);
  EXPECT_EQ(pool.task, "*");
  EXPECT_EQ(pool.strength, 0);
  EXPECT_EQ(pool.n, 15);
  EXPECT_EQ(pool.fixed, 12);
  EXPECT_EQ(pool.broken, 3);
  EXPECT_EQ(pool.n_steered, 14);
  EXPECT_NEAR(pool.change, 9.0 / 15, 1e-12);
  EXPECT_NEAR(add.mcnemar_p, 2.0 / 4096, 1e-12);
  EXPECT_NEAR(add.holm_p.value(), 3 * 2.0 / 4096, 1e-12);
  EXPECT_EQ(add.change_low, 1);
  EXPECT_EQ(sort.n_steered, 2);
  EXPECT_EQ(sort.accuracy, 0);
  EXPECT_LT(pool.change_low, pool.change);
}

}  // namespace
}  // namespace neurosweep
