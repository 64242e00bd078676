#include "framework/rank/alarm_quality.hpp"

#include <gmock/gmock.h>

#include "framework/rank/counter_rng.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

MonitoredReply reply(bool failed, std::int64_t n_tokens, std::optional<std::int64_t> answer,
                     std::vector<MonitoredReply::Reading> readings) {
  return {failed, n_tokens, answer, std::move(readings)};
}

TEST(AlarmThreshold, KeepsTheStatedRateOnNewRepliesWhateverTheRisksAre) {
  CounterRng rng(3);
  double alarms = 0, bound = 0;
  constexpr int kRounds = 4000, kReplies = 19;

  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> right;
    for (int i = 0; i < kReplies; ++i) right.push_back(std::pow(rng.uniform(), 3));
    const double threshold = alarm_threshold(right, 0.1);
    alarms += std::pow(rng.uniform(), 3) > threshold ? 1 : 0;
    bound += 0.1;
  }

  EXPECT_NEAR(alarms / kRounds, 0.1, 0.015) << "19 replies and a rate of 0.1: the 18th, exceeded by 2 of 20";
  EXPECT_EQ(alarm_threshold(std::vector<double>{0.3, 0.1, 0.2}, 0.25), 0.3);
  EXPECT_EQ(alarm_threshold(std::vector<double>{0.3, 0.1, 0.2}, 0.5), 0.2);
}

TEST(AlarmThreshold, PromisesNothingItCannotKeep) {
  EXPECT_EQ(alarm_threshold(std::vector<double>{0.3, 0.1, 0.2}, 0.2), 1);
  EXPECT_EQ(alarm_threshold({}, 0.5), 1);
  expect_error(ErrorKind::input, ::testing::HasSubstr("between 0 and 1"), [] { alarm_threshold({}, 0); });
}

TEST(JudgeAlarms, CountsTheFirstReadingAboveTheThreshold) {
  const std::vector<MonitoredReply> replies = {
      reply(true, 20, 12, {{0, 0.1}, {4, 0.6}, {8, 0.9}}),  // found 8 tokens before the answer
      reply(true, 20, 2, {{0, 0.1}, {4, 0.2}, {8, 0.6}}),   // found 6 tokens after it began
      reply(true, 10, std::nullopt, {{0, 0.7}, {4, 0.1}}),  // found, no answer
      reply(true, 10, 9, {{0, 0.1}, {4, 0.5}}),             // not found: not above
      reply(false, 10, 9, {{0, 0.1}, {4, 0.8}}),            // false alarm
      reply(false, 10, 9, {{0, 0.1}}),
      reply(false, 10, 9, {{0, 0.3}})};

  const AlarmQuality quality = judge_alarms(replies, 0.5);

  EXPECT_EQ(quality.n_right, 3);
  EXPECT_EQ(quality.false_alarms, 1);
  EXPECT_EQ(quality.n_failed, 4);
  EXPECT_EQ(quality.found, 3);
  EXPECT_EQ(quality.found_before, 1);
  ASSERT_TRUE(quality.lead_answer && quality.lead_end);
  EXPECT_EQ(quality.lead_answer->median, 1);
  EXPECT_EQ(quality.lead_answer->low, -2.5);
  EXPECT_EQ(quality.lead_end->median, 12);
  EXPECT_EQ(highest_risk(replies[0]), 0.9);
}

TEST(JudgeAlarms, WithoutFailuresHasNoLead) {
  const AlarmQuality quality = judge_alarms(std::vector{reply(false, 5, 1, {{0, 0.9}})}, 0.5);

  EXPECT_EQ(quality.false_alarms, 1);
  EXPECT_FALSE(quality.lead_answer);
  EXPECT_FALSE(quality.lead_end);
}

}  // namespace
}  // namespace neurosweep
