#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "cluster/dispatcher.hpp"
#include "tests/cluster/meeting.hpp"
#include "tests/cluster/run_record.hpp"

namespace neurosweep {
namespace {

using std::chrono::milliseconds;
using testing::gather_units;
using testing::numbered;

struct StoppedRun {
  DispatchResult result;
  std::vector<std::int64_t> ran;  ///< on rank 0: units of all ranks, sorted
};

// Every rank has a token of its own, as processes have; only `stopping_rank` is asked to stop, in its third unit.
StoppedRun run_and_stop_on(int stopping_rank, std::int64_t units) {
  const Comm comm = Comm::world();
  const StopToken stop;
  std::vector<std::int64_t> ran;
  const auto run_one = [&](std::int64_t unit) {
    std::this_thread::sleep_for(milliseconds(2));
    ran.push_back(unit);
    if (comm.rank() == stopping_rank && ran.size() == 3) stop.request(SIGUSR1);
    return UnitOutcome::done;
  };
  const DispatchResult result = run_units(comm, alike(numbered(units)), run_one, stop, nullptr);
  auto all = gather_units(comm, ran);
  std::sort(all.begin(), all.end());
  return {result, all};
}

void expect_no_unit_lost(const StoppedRun& run, std::int64_t units) {
  EXPECT_TRUE(run.result.stopped);
  EXPECT_LT(run.result.done, units / 2);
  if (Comm::world().rank() != 0) return;
  EXPECT_EQ(static_cast<std::int64_t>(run.ran.size()), run.result.done);
  EXPECT_EQ(std::adjacent_find(run.ran.begin(), run.ran.end()), run.ran.end());
}

TEST(DispatcherStop, ARequestOnRankZeroStopsEveryRank) {
  expect_no_unit_lost(run_and_stop_on(0, 2000), 2000);
}

TEST(DispatcherStop, ARequestOnTheLastRankStopsEveryRank) {
  expect_no_unit_lost(run_and_stop_on(Comm::world().size() - 1, 2000), 2000);
}

TEST(DispatcherStop, UnitsThatWereNotStartedAreRunByTheNextCall) {
  const Comm comm = Comm::world();
  const StoppedRun first = run_and_stop_on(comm.size() - 1, 1000);
  std::vector<std::int64_t> left;
  const auto all = numbered(1000);
  std::set_difference(all.begin(), all.end(), first.ran.begin(), first.ran.end(), std::back_inserter(left));
  const auto run_one = [](std::int64_t) { return UnitOutcome::done; };

  const DispatchResult second = run_units(comm, alike(left), run_one, StopToken(), nullptr);

  EXPECT_EQ(first.result.done + second.done, 1000);
  EXPECT_FALSE(second.stopped);
}

TEST(DispatcherStop, ARequestBeforeTheRoundOnOneRankStartsNothingThere) {
  const Comm comm = Comm::world();
  const bool asked = comm.rank() == comm.size() - 1;
  const StopToken stop;
  if (asked) stop.request(SIGTERM);
  std::int64_t mine = 0;
  const auto run_one = [&](std::int64_t) {
    std::this_thread::sleep_for(milliseconds(2));
    ++mine;
    return UnitOutcome::done;
  };

  const DispatchResult result = run_units(comm, alike(numbered(2000)), run_one, stop, nullptr);

  EXPECT_TRUE(result.stopped);
  EXPECT_LT(result.done, 1000);
  if (asked) {
    EXPECT_EQ(mine, 0);
  }
}

TEST(DispatcherStop, OtherRanksDoNotStartTheirUnitAhead) {
  const Comm comm = Comm::world();
  if (comm.size() == 1) GTEST_SKIP() << "needs two ranks";
  const testing::Meeting all_at_work;
  const StopToken stop;
  std::int64_t mine = 0;
  // The last rank stops during its first unit, while every other rank is still in its first one.
  const auto run_one = [&](std::int64_t) {
    if (++mine > 1) return UnitOutcome::done;
    const bool stopping = comm.rank() == comm.size() - 1;
    if (stopping) stop.request(SIGUSR1);
    EXPECT_TRUE(all_at_work.wait_for_all());
    if (!stopping) std::this_thread::sleep_for(milliseconds(400));  // until all know of the stop
    return UnitOutcome::done;
  };

  const DispatchResult result = run_units(comm, alike(numbered(100)), run_one, stop, nullptr);

  EXPECT_TRUE(result.stopped);
  EXPECT_LE(mine, 1);
}

}  // namespace
}  // namespace neurosweep
