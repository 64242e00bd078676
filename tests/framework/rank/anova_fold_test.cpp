#include "framework/rank/anova_fold.hpp"

#include <vector>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;

TEST(AnovaFold, IsTheFOfTwoGroups) {
  AnovaFold fold;
  fold.add(std::vector<float>{1}, 0);
  fold.add(std::vector<float>{2}, 0);
  fold.add(std::vector<float>{3}, 0);
  fold.add(std::vector<float>{4}, 1);
  fold.add(std::vector<float>{6}, 1);
  fold.add(std::vector<float>{8}, 1);

  const auto f = fold.finish();

  // Group means 2 and 6, total mean 4: between = 6 * 4 = 24 with 1 degree, within = 2 + 8 = 10 with 4.
  EXPECT_NEAR(f[0], 24 / (10.0 / 4), 1e-9);
}

TEST(AnovaFold, IsZeroForWhatNeverChanges) {
  AnovaFold fold;
  for (int i = 0; i < 4; ++i) fold.add(std::vector<float>{5, static_cast<float>(i)}, i % 2);

  EXPECT_EQ(fold.finish()[0], 0);
  EXPECT_TRUE(fold.outcome_varies());
}

TEST(AnovaFold, SaysThatAnOutcomeNeverVaries) {
  AnovaFold fold;
  for (int i = 0; i < 4; ++i) fold.add(std::vector<float>{static_cast<float>(i)}, 1);

  EXPECT_FALSE(fold.outcome_varies());
  EXPECT_EQ(fold.finish()[0], 0);
}

TEST(AnovaFold, RefusesItemsOfOtherSizes) {
  AnovaFold fold;
  fold.add(std::vector<float>{1, 2}, 1);

  EXPECT_THROW(fold.add(std::vector<float>{1}, 0), Error);
  EXPECT_THROW(fold.finish(), Error);
}

TEST(Largest, AreTheLargestFirstAndTiesByIndex) {
  const std::vector<double> x = {1, 3, 2, 3};

  EXPECT_THAT(largest(x, 3), ElementsAre(1, 3, 2));
  EXPECT_EQ(largest(x, 9).size(), 4u);
}

}  // namespace
}  // namespace neurosweep
