#include "cluster/hand_out.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace neurosweep {
namespace {

std::vector<std::int64_t> units_of(const std::vector<HandOut::Answer>& answers, int rank) {
  std::vector<std::int64_t> units;
  for (const auto& answer : answers) {
    if (answer.rank == rank) units.push_back(answer.unit);
  }
  return units;
}

TEST(HandOut, ARankGetsOneUnitToWorkOnAndOneAhead) {
  const std::vector<std::int64_t> todo = {10, 11, 12, 13, 14};
  HandOut hand_out(alike(todo), 2);

  EXPECT_EQ(units_of(hand_out.on_ready(0), 0), std::vector<std::int64_t>{10});
  EXPECT_EQ(units_of(hand_out.on_ready(0), 0), std::vector<std::int64_t>{11});
}

TEST(HandOut, TheLastUnitsGoToIdleRanksOnly) {
  const std::vector<std::int64_t> todo = {10, 11};
  HandOut hand_out(alike(todo), 2);

  EXPECT_EQ(units_of(hand_out.on_ready(0), 0), std::vector<std::int64_t>{10});
  EXPECT_TRUE(hand_out.on_ready(0).empty());
  EXPECT_EQ(units_of(hand_out.on_ready(1), 1), std::vector<std::int64_t>{11});
}

TEST(HandOut, ARankThatWaitsForTheLastUnitGetsItWhenItIsIdle) {
  const std::vector<std::int64_t> todo = {10, 11, 12};
  HandOut hand_out(alike(todo), 2);
  for (const int rank : {0, 1}) hand_out.on_ready(rank);
  for (const int rank : {0, 1}) EXPECT_TRUE(hand_out.on_ready(rank).empty());

  const auto answers = hand_out.on_returned(1);

  EXPECT_EQ(units_of(answers, 1), (std::vector<std::int64_t>{12, HandOut::kNoUnit}));
  EXPECT_EQ(units_of(answers, 0), std::vector<std::int64_t>{HandOut::kNoUnit});
}

TEST(HandOut, ARankThatRestsGetsNothingAndTheOthersAll) {
  HandOut hand_out(alike({10, 11}), 2, {0});

  EXPECT_EQ(units_of(hand_out.on_ready(0), 0), std::vector<std::int64_t>{HandOut::kNoUnit});
  EXPECT_EQ(units_of(hand_out.on_ready(0), 0), std::vector<std::int64_t>{HandOut::kNoUnit});
  EXPECT_EQ(units_of(hand_out.on_ready(1), 1), std::vector<std::int64_t>{10});
  EXPECT_TRUE(hand_out.on_ready(1).empty());
  EXPECT_EQ(units_of(hand_out.on_returned(1), 1), (std::vector<std::int64_t>{11, HandOut::kNoUnit}));
  EXPECT_FALSE(hand_out.finished());
  hand_out.on_returned(1);
  EXPECT_TRUE(hand_out.finished());
}

TEST(HandOut, AStopAnswersEveryWaitingRankWithNothing) {
  const std::vector<std::int64_t> todo = {10, 11};
  HandOut hand_out(alike(todo), 2);
  hand_out.on_ready(0);
  hand_out.on_ready(0);

  EXPECT_EQ(units_of(hand_out.on_stop(), 0), std::vector<std::int64_t>{HandOut::kNoUnit});
  EXPECT_EQ(units_of(hand_out.on_ready(1), 1), std::vector<std::int64_t>{HandOut::kNoUnit});
  EXPECT_FALSE(hand_out.finished());
}

TEST(HandOut, AnEmptyListFinishesOnceEveryRankHasAskedTwice) {
  const std::vector<std::int64_t> todo;
  HandOut hand_out(alike(todo), 1);

  hand_out.on_ready(0);
  EXPECT_FALSE(hand_out.finished());
  hand_out.on_ready(0);
  EXPECT_TRUE(hand_out.finished());
}

// Plays rounds with ranks that come in a random order; every asking must be answered and every unit given once.
TEST(HandOut, AnyOrderOfRanksGivesEveryUnitOnceInOrder) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const int ranks = 1 + static_cast<int>(random() % 5);
    std::vector<std::int64_t> todo(random() % 12);
    for (std::size_t i = 0; i < todo.size(); ++i) todo[i] = 100 + static_cast<std::int64_t>(i);
    HandOut hand_out(alike(todo), ranks);
    std::vector<std::int64_t> given;
    std::vector<int> dismissed(ranks), holding(ranks), ready(ranks, 2);
    const auto take = [&](const std::vector<HandOut::Answer>& answers) {
      for (const auto& [rank, unit] : answers) {
        if (unit == HandOut::kNoUnit) {
          ++dismissed[rank];
        } else {
          given.push_back(unit);
          ++holding[rank];
        }
      }
    };

    for (int step = 0; step < 1000 && !hand_out.finished(); ++step) {
      const int rank = static_cast<int>(random() % ranks);
      if (ready[rank] > 0) {
        --ready[rank];
        take(hand_out.on_ready(rank));
      } else if (holding[rank] > 0) {
        --holding[rank];
        take(hand_out.on_returned(rank));
      }
      ASSERT_LE(holding[rank], 2);
    }

    ASSERT_TRUE(hand_out.finished()) << "seed " << seed;
    EXPECT_EQ(given, todo) << "seed " << seed;
    EXPECT_EQ(dismissed, std::vector<int>(ranks, 2)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace neurosweep
