#include "cluster/watchdog.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

using namespace std::chrono_literals;

TEST(Watchdog, AUnitPastItsDeadlineEndsTheRunAndIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto hang = [] {
    UnitWatchdog watchdog(50ms, 3);
    watchdog.begin_unit(41);
    std::this_thread::sleep_for(20s);
  };

  EXPECT_EXIT(hang(), ::testing::ExitedWithCode(exit_status::kCheckpointed), "unit 41 on rank 3 .* deadline of 0.05 s");
}

TEST(Watchdog, UnitsWithinTheirDeadlineAreLeftAlone) {
  UnitWatchdog watchdog(2s, 0);
  int finished = 0;

  for (int unit = 0; unit < 20; ++unit) {
    watchdog.begin_unit(unit);
    std::this_thread::sleep_for(1ms);
    watchdog.end_unit();
    ++finished;
  }

  EXPECT_EQ(finished, 20);
}

TEST(Watchdog, TimeBetweenUnitsDoesNotCount) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto rest_after_a_unit = [] {
    UnitWatchdog watchdog(300ms, 0);
    watchdog.begin_unit(1);
    watchdog.end_unit();
    std::this_thread::sleep_for(600ms);
    std::_Exit(0);
  };

  EXPECT_EXIT(rest_after_a_unit(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace neurosweep
