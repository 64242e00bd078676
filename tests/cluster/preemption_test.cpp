#include "cluster/preemption.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace neurosweep {
namespace {

TEST(StopToken, NothingIsRequestedAtFirst) {
  const StopToken stop;

  EXPECT_FALSE(stop.requested());
  EXPECT_EQ(stop.signal(), 0);
  EXPECT_EQ(stop.reason(), "");
}

TEST(StopToken, CopiesSeeTheFirstRequest) {
  const StopToken stop;
  const StopToken copy = stop;

  copy.request(SIGTERM);
  copy.request(SIGUSR1);

  EXPECT_TRUE(stop.requested());
  EXPECT_EQ(stop.reason(), "SIGTERM");
}

// Each in a process of its own, since handlers belong to the process.
void raise_and_exit_with_reason(int number) {
  const StopToken stop = install_stop_handlers();
  raise(number);
  std::_Exit(stop.requested() && stop.signal() == number ? 0 : 1);
}

TEST(StopHandlers, EverySignalToStopIsNoted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(raise_and_exit_with_reason(SIGUSR1), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(raise_and_exit_with_reason(SIGTERM), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(raise_and_exit_with_reason(SIGINT), ::testing::ExitedWithCode(0), "");
}

TEST(StopHandlers, ASecondInterruptEndsTheProcessAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto interrupt_twice = [] {
    install_stop_handlers();
    raise(SIGINT);
    raise(SIGINT);
  };

  EXPECT_EXIT(interrupt_twice(), ::testing::ExitedWithCode(130), "");
}

TEST(StopHandlers, AnInterruptAfterATerminationDoesNotEndTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto terminate_then_interrupt = [] {
    const StopToken stop = install_stop_handlers();
    raise(SIGTERM);
    raise(SIGINT);
    std::_Exit(stop.reason() == "SIGTERM" ? 0 : 1);
  };

  EXPECT_EXIT(terminate_then_interrupt(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace neurosweep
