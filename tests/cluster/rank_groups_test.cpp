#include "cluster/rank_groups.hpp"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"
#include "tests/cluster/run_record.hpp"

namespace neurosweep {
namespace {

using std::chrono::milliseconds;
using testing::gather_units;
using testing::numbered;

/// The largest group that still leaves two groups where there are four ranks.
int group_size() {
  return Comm::world().size() >= 4 ? 2 : Comm::world().size();
}

TEST(RankGroups, EachUnitIsRunByAllRanksOfOneGroup) {
  const Comm comm = Comm::world();
  const RankGroups groups(comm, group_size());
  std::vector<std::int64_t> ran;

  const auto result = run_units(
      groups, alike(numbered(20)),
      [&](std::int64_t unit) {
        ran.push_back(unit);
        return unit == 3 ? UnitOutcome::failed : UnitOutcome::done;
      },
      StopToken(), nullptr);

  EXPECT_EQ(result.done, 19);
  EXPECT_EQ(result.failed, 1);
  EXPECT_FALSE(result.stopped);
  std::string leaders(reinterpret_cast<const char*>(ran.data()), ran.size() * sizeof(std::int64_t));
  const std::string mine = leaders;
  groups.group().broadcast(leaders);
  EXPECT_TRUE(mine == leaders) << "a rank ran other units than its leader";
  auto all = gather_units(comm, groups.is_leader() ? ran : std::vector<std::int64_t>());
  std::sort(all.begin(), all.end());
  if (comm.rank() == 0) {
    EXPECT_EQ(all, numbered(20));
  }
}

TEST(RankGroups, AStopThatOnlyOneRankSawEndsTheRound) {
  const Comm comm = Comm::world();
  const RankGroups groups(comm, group_size());
  const StopToken stop;
  std::int64_t runs = 0;

  const auto result = run_units(
      groups, alike(numbered(50)),
      [&](std::int64_t) {
        if (++runs == 2 && comm.rank() == comm.size() - 1) stop.request(SIGUSR1);
        return UnitOutcome::done;
      },
      stop, nullptr);

  EXPECT_TRUE(result.stopped);
  EXPECT_LT(result.done, 50);
}

TEST(RankGroups, AFailureOfOneRankIsKnownToItsGroup) {
  const RankGroups groups(Comm::world(), group_size());
  const bool is_last = groups.group().rank() == groups.group().size() - 1;

  const auto verdict = groups.agree(is_last ? "no memory" : "", milliseconds(60'000));
  const auto next = groups.agree("", milliseconds(60'000));

  EXPECT_EQ(verdict.failure, "no memory");
  EXPECT_FALSE(verdict.alone);
  EXPECT_EQ(next.failure, "");
}

TEST(RankGroups, ANumberOfRanksThatCannotBeCutIsRefused) {
  const Comm comm = Comm::world();
  try {
    const RankGroups groups(comm, comm.size() + 1);
    FAIL() << "no error";
  } catch (const Error& refused) {
    EXPECT_EQ(refused.kind(), ErrorKind::input);
    EXPECT_THAT(refused.what(), ::testing::HasSubstr("start it with a multiple of"));
  }
}

}  // namespace
}  // namespace neurosweep
