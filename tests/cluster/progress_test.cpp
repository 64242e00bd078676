#include "cluster/progress.hpp"

#include <gmock/gmock.h>

#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(FormatProgress, ShowsCountsFailuresRateAndTimeLeft) {
  const ProgressState state{"sweep round 0", 4000, 118, 2, 24.5, 5};

  EXPECT_EQ(format_progress(state), "sweep round 0: 120/4000 units (3.0 %), 2 failed, 24.5 units/s, 2 min 38 s left");
}

TEST(FormatProgress, SlowUnitsAreGivenInSecondsPerUnit) {
  const ProgressState state{"trace", 10, 1, 0, 0.25, 4};

  EXPECT_EQ(format_progress(state), "trace: 1/10 units (10.0 %), 4.0 s/unit, 36 s left");
}

TEST(FormatProgress, AnUnknownRateIsLeftOut) {
  const ProgressState state{"trace", 10, 0, 0, 0, 0};

  EXPECT_EQ(format_progress(state), "trace: 0/10 units (0.0 %)");
}

TEST(FormatProgress, TheEndTellsTheTimeTaken) {
  const ProgressState state{"trace", 10, 10, 0, 2, 65};

  EXPECT_EQ(format_progress(state), "trace: 10/10 units (100.0 %), 2.0 units/s, took 1 min 05 s");
}

TEST(FormatProgress, OneMissingUnitIsNotRoundedToAllOfThem) {
  const ProgressState state{"trace", 100000, 99999, 0, 0, 0};

  EXPECT_THAT(format_progress(state), HasSubstr("(99.9 %)"));
}

TEST(FormatProgress, NothingToDoIsComplete) {
  EXPECT_EQ(format_progress({"trace", 0, 0, 0, 0, 0}), "trace: 0/0 units (100.0 %), took 0 s");
}

TEST(FormatDuration, UsesTheTwoLargestUnits) {
  EXPECT_EQ(format_duration(0.2), "0 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1 min 00 s");
  EXPECT_EQ(format_duration(158), "2 min 38 s");
  EXPECT_EQ(format_duration(3 * 3600 + 5 * 60), "3 h 05 min");
  EXPECT_EQ(format_duration(52 * 3600), "2 d 04 h");
}

TEST(RateWindow, NeedsTwoMoments) {
  RateWindow rate;
  rate.add(0, 0);

  EXPECT_EQ(rate.units_per_second(), 0);
}

TEST(RateWindow, ForgetsWhatIsOlderThanAMinute) {
  RateWindow rate;
  for (int second = 0; second <= 100; ++second) rate.add(second, 10 * second);
  for (int second = 101; second <= 200; ++second) rate.add(second, 1000 + second - 100);

  EXPECT_NEAR(rate.units_per_second(), 1, 1e-9);
}

TEST(RateWindow, ManySamplesASecondCountExactly) {
  RateWindow rate;
  for (int i = 0; i <= 1000; ++i) rate.add(i * 0.001, i);

  EXPECT_NEAR(rate.units_per_second(), 1000, 1e-6);
}

std::string shown_in_a_file(std::int64_t total, std::int64_t done) {
  const testing::TempDir folder;
  const std::string path = folder.file("log");
  std::FILE* out = std::fopen(path.c_str(), "w");
  ProgressSink progress("sweep round 1", out);
  progress.start(total);
  for (std::int64_t i = 1; i <= done; ++i) progress.update(i, 0);
  progress.finish();
  std::fclose(out);
  return testing::read_file(path);
}

TEST(ProgressSink, AFileGetsALineAtTheStartAndAtTheEnd) {
  const std::string text = shown_in_a_file(3, 3);

  EXPECT_THAT(text, StartsWith("sweep round 1: 0/3 units (0.0 %)\nsweep round 1: 3/3 units (100.0 %)"));
  EXPECT_THAT(text, EndsWith("took 0 s\n"));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
}

TEST(ProgressSink, AnEmptyRoundIsOneLine) {
  EXPECT_EQ(shown_in_a_file(0, 0), "sweep round 1: 0/0 units (100.0 %), took 0 s\n");
}

}  // namespace
}  // namespace neurosweep
