#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace neurosweep {

/// The risk of failure along one reply, and what came of it.
struct MonitoredReply {
  struct Reading {
    std::int64_t tokens = 0;  ///< generated when it was read
    double risk = 0;
  };
  bool failed = false;
  std::int64_t n_tokens = 0;                 ///< generated in all
  std::optional<std::int64_t> answer_token;  ///< generated before the first token of the final answer
  std::vector<Reading> readings;             ///< by tokens, at least one
};

double highest_risk(const MonitoredReply& reply);

/// The threshold above which at most a share `rate` of right replies has an alarm at any moment.
///   right    highest risk of each right reply
///   returns  the ceil((n + 1) (1 - rate))-th smallest; a new reply that is exchangeable with these is above it with a
///            chance of at most `rate`. 1, above which there is no risk, when n is too small to promise that. Replies
///            that the risks were fitted or calibrated on are not exchangeable with new ones
///   throws   Error{input} unless 0 < rate < 1
///   source   split conformal prediction: Vovk, Gammerman, Shafer 2005; Lei et al. 2018
double alarm_threshold(std::span<const double> right, double rate);

/// Median and quartiles.
struct Spread {
  double median = 0, low = 0, high = 0;
};

/// What alarms at a threshold are worth.
struct AlarmQuality {
  std::int64_t n_right = 0, false_alarms = 0;
  std::int64_t n_failed = 0, found = 0;
  std::int64_t found_before = 0;      ///< before the first token of the final answer
  std::optional<Spread> lead_answer;  ///< tokens from the alarm to that token, over found failures with an answer
  std::optional<Spread> lead_end;     ///< tokens from the alarm to the end of the reply, over found failures
};

/// An alarm is raised at the first reading whose risk is above the threshold.
AlarmQuality judge_alarms(std::span<const MonitoredReply> replies, double threshold);

}  // namespace neurosweep
