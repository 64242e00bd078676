#include "experiments/rank_health.hpp"

#include <gmock/gmock.h>

#include "framework/store/merge.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One rank of launch 2, on a store of which another launch has measured units 0 to 5 of 10.
class RankHealthTest : public ::testing::Test {
 protected:
  RankHealthTest() {
    testing::make_example_store(dir_, 10);
    testing::write_shard(dir_, 1, 0, testing::all_units(6));
    merge_shards(dir_);
  }

  static void fail(RankHealth& health, const std::vector<std::int64_t>& units) {
    for (const std::int64_t unit : units) health.note_failure(0, unit, error(ErrorKind::device, "no sandbox"));
  }

  std::vector<int> review(RankHealth& health) const {
    const Database db = Database::open_results(dir_, Database::Access::read);
    return health.review(Comm::self_only(), &db, 0);
  }

  testing::TempDir temp_;
  std::string dir_ = temp_.file("store");
};

TEST_F(RankHealthTest, UnitsThatNobodyMeasuredSpeakForTheRank) {
  RankHealth health({2});
  fail(health, {7, 8, 9, 6});

  EXPECT_THAT(review(health), IsEmpty());
}

TEST_F(RankHealthTest, ThreeUnitsInARowThatOthersMeasuredSpeakAgainstTheRank) {
  RankHealth health({2});
  fail(health, {1, 7, 2});
  review(health);
  fail(health, {3});

  const std::string why = testing::error_of(ErrorKind::device, [&] { review(health); });

  EXPECT_THAT(why, HasSubstr("rank 0 on "));
  EXPECT_THAT(why, HasSubstr("failed 4 units in a row, and other ranks then measured 3 of them (its last failure: no "
                             "sandbox)"));
}

TEST_F(RankHealthTest, AUnitThatTheRankMeasuresEndsItsStreak) {
  RankHealth health({2});
  fail(health, {1, 2});
  health.note_done();
  fail(health, {3, 4});

  EXPECT_THAT(review(health), IsEmpty());
}

TEST_F(RankHealthTest, AJobThatFailsWhileOthersMeasureIsToBlame) {
  RankHealth alone({2}), beside_others({2, 3});
  for (RankHealth* health : {&alone, &beside_others}) fail(*health, {7, 8, 9});

  EXPECT_THAT(review(alone), IsEmpty());
  EXPECT_THAT(testing::error_of(ErrorKind::device, [&] { review(beside_others); }),
              HasSubstr("all ranks of this job fail what they are given"));
}

}  // namespace
}  // namespace neurosweep
