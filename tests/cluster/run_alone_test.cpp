// One rank without MPI: this program never starts it.
#include <gtest/gtest.h>
#include <signal.h>

#include <numeric>

#include "cluster/comm.hpp"
#include "cluster/dispatcher.hpp"

namespace neurosweep {
namespace {

TEST(SelfOnly, IsOneRankWhoseOperationsAreLocal) {
  const Comm comm = Comm::self_only();
  std::string bytes = "kept";

  comm.barrier();
  comm.broadcast(bytes);

  EXPECT_EQ(comm.rank(), 0);
  EXPECT_EQ(comm.size(), 1);
  EXPECT_EQ(bytes, "kept");
  EXPECT_EQ(comm.gather("mine"), std::vector<std::string>{"mine"});
  EXPECT_EQ(comm.all_max(7), 7);
  EXPECT_EQ(comm.all_sum(7), 7);
  EXPECT_EQ(comm.split(3, 0).size(), 1);
  EXPECT_EQ(comm.dup().size(), 1);
}

TEST(RunAlone, RunsEveryUnitInOrder) {
  const std::vector<std::int64_t> todo = {5, 3, 9};
  std::vector<std::int64_t> ran;
  const auto run_one = [&](std::int64_t unit) {
    ran.push_back(unit);
    return unit == 3 ? UnitOutcome::failed : UnitOutcome::done;
  };

  const DispatchResult result = run_units(Comm::self_only(), alike(todo), run_one, StopToken(), nullptr);

  EXPECT_EQ(ran, todo);
  EXPECT_EQ(result.done, 2);
  EXPECT_EQ(result.failed, 1);
  EXPECT_FALSE(result.stopped);
}

TEST(RunAlone, StopsBeforeTheNextUnit) {
  std::vector<std::int64_t> todo(10);
  std::iota(todo.begin(), todo.end(), 0);
  const StopToken stop;
  const auto run_one = [&](std::int64_t unit) {
    if (unit == 3) stop.request(SIGUSR1);
    return UnitOutcome::done;
  };

  const DispatchResult result = run_units(Comm::self_only(), alike(todo), run_one, stop, nullptr);

  EXPECT_EQ(result.done, 4);
  EXPECT_TRUE(result.stopped);
}

TEST(RunAlone, AnExceptionReachesTheCaller) {
  const auto run_one = [](std::int64_t) -> UnitOutcome { throw std::runtime_error("bug"); };

  EXPECT_THROW(run_units(Comm::self_only(), {{1}}, run_one, StopToken(), nullptr), std::runtime_error);
}

}  // namespace
}  // namespace neurosweep
