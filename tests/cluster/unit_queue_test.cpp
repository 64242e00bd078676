#include "cluster/unit_queue.hpp"

#include <gmock/gmock.h>

namespace neurosweep {
namespace {

using ::testing::ElementsAre;

std::vector<std::int64_t> drain(UnitQueue& queue) {
  std::vector<std::int64_t> order;
  while (queue.size() > 0) order.push_back(queue.pop());
  return order;
}

TEST(UnitQueue, KeepsTheOrderOfUnitsThatAreAlike) {
  UnitQueue queue(alike({7, 3, 9}));

  EXPECT_THAT(drain(queue), ElementsAre(7, 3, 9));
}

TEST(UnitQueue, GivesTheHeaviestFirstButFinishesAGroupBeforeTheNext) {
  UnitQueue queue({{1, 1, 0, 50}, {2, 0, 0, 1}, {3, 0, 0, 4}, {4, 0, 0, 2}});

  EXPECT_THAT(drain(queue), ElementsAre(3, 4, 2, 1));
}

TEST(UnitQueue, LearnsWhatAKindsWeightIsWorth) {
  UnitQueue queue({{1, 0, 0, 10}, {2, 0, 0, 9}, {3, 0, 1, 3}, {4, 0, 1, 2}});
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 2);
  EXPECT_EQ(queue.pop(), 3);

  UnitQueue taught({{1, 0, 0, 10}, {2, 0, 0, 9}, {3, 0, 1, 3}, {4, 0, 1, 2}, {5, 0, 1, 8}});
  taught.learn(taught.pop(), 1.0);  // unit 1: 0.1 s for each of weight, and so for kind 1 as long as it is unknown
  EXPECT_EQ(taught.pop(), 2);
  taught.learn(taught.pop(), 16.0);  // unit 5: 2 s for each of weight

  EXPECT_THAT(drain(taught), ElementsAre(3, 4));
}

TEST(UnitQueue, ForgetsUnitsThatItDoesNotHoldAndThoseItWasAskedToForget) {
  UnitQueue queue(alike({1, 2}));

  queue.learn(2, 5);
  queue.clear();

  EXPECT_EQ(queue.size(), 0U);
  EXPECT_FALSE(queue.plenty(1));
}

TEST(UnitQueue, IsPlentyWhileTwoOfTheLongestAreLeftForEachRank) {
  UnitQueue even(alike({1, 2, 3, 4})), skewed({{1, 0, 0, 10}, {2, 0, 0, 1}, {3, 0, 0, 1}, {4, 0, 0, 1}});

  EXPECT_TRUE(even.plenty(2));
  EXPECT_FALSE(even.plenty(3));
  EXPECT_FALSE(skewed.plenty(2)) << "a rank that took ahead could be left with work when all others are done";
  skewed.pop();
  EXPECT_TRUE(skewed.plenty(1));
}

}  // namespace
}  // namespace neurosweep
