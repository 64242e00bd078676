#include "cluster/dispatcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <sstream>
#include <thread>

#include "tests/cluster/meeting.hpp"
#include "tests/cluster/run_record.hpp"

namespace neurosweep {
namespace {

using std::chrono::milliseconds;
using testing::gather_units;
using testing::numbered;

TEST(Dispatcher, UnevenUnitsAreEachRunOnce) {
  const Comm comm = Comm::world();
  const auto todo = numbered(60);
  std::vector<std::int64_t> ran;
  const auto run_one = [&](std::int64_t unit) {
    std::this_thread::sleep_for(milliseconds(unit % 7));
    ran.push_back(unit);
    return UnitOutcome::done;
  };

  const DispatchResult result = run_units(comm, alike(todo), run_one, StopToken(), nullptr);

  EXPECT_EQ(result.done, 60);
  EXPECT_EQ(result.failed, 0);
  EXPECT_FALSE(result.stopped);
  auto all = gather_units(comm, ran);
  std::sort(all.begin(), all.end());
  if (comm.rank() == 0) {
    EXPECT_EQ(all, todo);
  }
}

TEST(Dispatcher, ASlowRankTakesFewerUnits) {
  const Comm comm = Comm::world();
  const int slow_rank = comm.size() - 1;
  const auto pause = comm.rank() == slow_rank ? milliseconds(30) : milliseconds(3);
  std::int64_t mine = 0;
  const auto run_one = [&](std::int64_t) {
    std::this_thread::sleep_for(pause);
    ++mine;
    return UnitOutcome::done;
  };

  const DispatchResult result = run_units(comm, alike(numbered(80)), run_one, StopToken(), nullptr);

  EXPECT_EQ(result.done, 80);
  if (comm.size() > 1 && comm.rank() == slow_rank) {
    EXPECT_LT(mine, 80 / comm.size() / 2);
  }
}

TEST(Dispatcher, EachRankRunsItsUnitsInTheOrderOfTheList) {
  const Comm comm = Comm::world();
  std::vector<std::int64_t> todo = numbered(40);
  std::reverse(todo.begin(), todo.end());
  std::vector<std::int64_t> ran;
  const auto run_one = [&](std::int64_t unit) {
    std::this_thread::sleep_for(milliseconds(1));
    ran.push_back(unit);
    return UnitOutcome::done;
  };

  run_units(comm, alike(todo), run_one, StopToken(), nullptr);

  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end(), std::greater<>()));
  if (comm.size() == 1) {
    EXPECT_EQ(ran, todo);
  }
}

TEST(Dispatcher, RanksThatRestRunNothing) {
  const Comm comm = Comm::world();
  for (int resting = 0; comm.size() > 1 && resting < comm.size(); ++resting) {
    std::vector<std::int64_t> ran;
    const auto run_one = [&](std::int64_t unit) {
      ran.push_back(unit);
      return UnitOutcome::done;
    };

    const DispatchResult result = run_units(comm, alike(numbered(20)), run_one, StopToken(), nullptr, {resting});

    EXPECT_EQ(result.done, 20);
    if (comm.rank() == resting) {
      EXPECT_TRUE(ran.empty());
    }
  }
}

TEST(Dispatcher, FailuresAreCountedOnEveryRank) {
  const auto run_one = [](std::int64_t unit) { return unit % 3 == 0 ? UnitOutcome::failed : UnitOutcome::done; };

  const DispatchResult result = run_units(Comm::world(), alike(numbered(30)), run_one, StopToken(), nullptr);

  EXPECT_EQ(result.failed, 10);
  EXPECT_EQ(result.done, 20);
}

TEST(Dispatcher, AnEmptyListReturnsAtOnce) {
  const auto run_one = [](std::int64_t) { return UnitOutcome::done; };

  const DispatchResult result = run_units(Comm::world(), {}, run_one, StopToken(), nullptr);

  EXPECT_EQ(result.done + result.failed, 0);
  EXPECT_FALSE(result.stopped);
}

TEST(Dispatcher, FewUnitsAreSpreadOverTheRanks) {
  const Comm comm = Comm::world();
  const testing::Meeting all_at_work;
  std::int64_t mine = 0;
  const auto run_one = [&](std::int64_t) {
    if (mine == 0) {
      EXPECT_TRUE(all_at_work.wait_for_all());
    }
    ++mine;
    return UnitOutcome::done;
  };

  const DispatchResult result = run_units(comm, alike(numbered(comm.size())), run_one, StopToken(), nullptr);

  EXPECT_EQ(result.done, comm.size());
  EXPECT_EQ(mine, 1);
}

TEST(Dispatcher, MoreRanksThanUnitsLeaveRanksIdle) {
  const Comm comm = Comm::world();
  std::int64_t mine = 0;
  const auto run_one = [&](std::int64_t) {
    ++mine;
    return UnitOutcome::done;
  };

  const DispatchResult result = run_units(comm, {{42}}, run_one, StopToken(), nullptr);

  EXPECT_EQ(result.done, 1);
  EXPECT_EQ(comm.all_sum(mine), 1);
}

TEST(Dispatcher, TheListOfRankZeroCounts) {
  const Comm comm = Comm::world();
  const auto todo = comm.rank() == 0 ? numbered(12) : std::vector<std::int64_t>{999};
  std::vector<std::int64_t> ran;
  const auto run_one = [&](std::int64_t unit) {
    ran.push_back(unit);
    return UnitOutcome::done;
  };

  const DispatchResult result = run_units(comm, alike(todo), run_one, StopToken(), nullptr);

  EXPECT_EQ(result.done, 12);
  EXPECT_EQ(std::count(ran.begin(), ran.end(), 999), 0);
}

TEST(Dispatcher, RoundsFollowEachOther) {
  const Comm comm = Comm::world();
  std::int64_t finished = 0;
  const auto run_one = [](std::int64_t) { return UnitOutcome::done; };

  for (int round = 0; round < 50; ++round) {
    finished += run_units(comm, alike(numbered(round % 9)), run_one, StopToken(), nullptr).done;
  }

  std::int64_t expected = 0;
  for (int round = 0; round < 50; ++round) expected += round % 9;
  EXPECT_EQ(finished, expected);
}

TEST(Dispatcher, RankZeroShowsProgress) {
  const Comm comm = Comm::world();
  std::FILE* out = std::tmpfile();
  ASSERT_NE(out, nullptr);
  ProgressSink progress("sweep round 0", out);
  const auto run_one = [](std::int64_t unit) { return unit == 1 ? UnitOutcome::failed : UnitOutcome::done; };

  run_units(comm, alike(numbered(8)), run_one, StopToken(), &progress);

  std::rewind(out);
  char text[512] = "";
  const std::size_t length = std::fread(text, 1, sizeof text - 1, out);
  std::fclose(out);
  const std::string shown(text, length);
  if (comm.rank() == 0) {
    EXPECT_NE(shown.find("sweep round 0: 8/8 units (100.0 %), 1 failed"), std::string::npos) << shown;
  } else {
    EXPECT_EQ(shown, "");
  }
}

}  // namespace
}  // namespace neurosweep
