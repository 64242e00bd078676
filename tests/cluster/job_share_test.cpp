#include "cluster/job_share.hpp"

#include <numeric>
#include <set>

#include <gmock/gmock.h>

#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::int64_t> numbers(const std::vector<QueuedUnit>& units) {
  std::vector<std::int64_t> all;
  for (const QueuedUnit& unit : units) all.push_back(unit.unit);
  return all;
}

std::vector<QueuedUnit> units_up_to(std::int64_t n) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return alike(all);
}

TEST(JobShare, AJobAloneTakesAll) {
  EXPECT_THAT(numbers(choose_units(alike({4, 2, 9}), {}, 2)), ElementsAre(4, 2, 9));
}

TEST(JobShare, AJobTakesHalfOfItsOwnFirst) {
  EXPECT_THAT(numbers(choose_units(units_up_to(16), {0, 2}, 1)), ElementsAre(0, 2, 4, 6));
  EXPECT_THAT(numbers(choose_units(units_up_to(16), {1, 2}, 1)), ElementsAre(1, 3, 5, 7));
}

TEST(JobShare, AJobTakesTheHeavierHalf) {
  EXPECT_THAT(numbers(choose_units({{0, 0, 0, 1}, {2, 0, 0, 9}, {4, 0, 0, 3}, {6, 0, 0, 8}}, {0, 2}, 1)),
              ElementsAre(2, 6));
}

TEST(JobShare, EveryRankGetsAUnitWhereThereAreEnough) {
  EXPECT_THAT(numbers(choose_units(units_up_to(12), {0, 3}, 3)), ElementsAre(0, 3, 6));
  EXPECT_THAT(numbers(choose_units(units_up_to(3), {0, 3}, 3)), ElementsAre(0));
}

TEST(JobShare, AJobWithoutUnitsHelpsTheOneWithMostLeftFromItsLightEnd) {
  const std::vector<QueuedUnit> pending = {{1, 0, 0, 5}, {2, 0, 0, 7}, {5, 0, 0, 6}, {8, 0, 0, 2}, {11, 0, 0, 4}};

  EXPECT_THAT(numbers(choose_units(pending, {0, 3}, 1)), ElementsAre(11, 8));
}

TEST(JobShare, TwoJobsHelpDifferentOnesThatHaveEquallyMuchLeft) {
  const std::vector<QueuedUnit> pending = alike({1, 3, 5, 7});  // of the second and of the fourth of four jobs

  EXPECT_THAT(numbers(choose_units(pending, {0, 4}, 1)), ElementsAre(5));
  EXPECT_THAT(numbers(choose_units(pending, {2, 4}, 1)), ElementsAre(7));
}

TEST(JobShare, NothingLeftIsNothingToDo) {
  EXPECT_THAT(choose_units({}, {1, 2}, 2), IsEmpty());
}

TEST(JobShare, JobsThatMergeBetweenTheirPiecesDoEveryUnitAndFewTwice) {
  constexpr std::int64_t kUnits = 400, kJobs = 3;
  std::set<std::int64_t> done;
  std::int64_t measured = 0;
  while (done.size() < kUnits) {  // all jobs do a piece at the same time, then all merge
    std::vector<QueuedUnit> pending;
    for (const QueuedUnit& unit : units_up_to(kUnits)) {
      if (!done.contains(unit.unit)) pending.push_back(unit);
    }
    for (const std::int64_t job : {0, 1, 2}) {
      for (const QueuedUnit& unit : choose_units(pending, {job, kJobs}, 2)) {
        ++measured;
        done.insert(unit.unit);
      }
    }
  }

  EXPECT_LE(measured, kUnits * 105 / 100);
}

TEST(JobShare, SharesAreReadAsTheyAreWritten) {
  const JobShare share = parse_job_share("2/3");

  EXPECT_EQ(share.index, 1);
  EXPECT_EQ(share.count, 3);
  for (const char* text : {"", "0/3", "4/3", "1/0", "2", "1/2/3", "-1/2", "a/b"}) {
    expect_error(ErrorKind::input, HasSubstr("expected K/N"), [&] { parse_job_share(text); });
  }
}

}  // namespace
}  // namespace neurosweep
