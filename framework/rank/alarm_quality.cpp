#include "framework/rank/alarm_quality.hpp"

#include <algorithm>
#include <cmath>

#include "framework/base/error.hpp"
#include "framework/rank/stats.hpp"

namespace neurosweep {

namespace {

std::optional<Spread> spread_of(const std::vector<double>& x) {
  if (x.empty()) return std::nullopt;
  return Spread{quantile(x, 0.5), quantile(x, 0.25), quantile(x, 0.75)};
}

}  // namespace

double highest_risk(const MonitoredReply& reply) {
  ensure(!reply.readings.empty(), "a monitored reply has a reading");
  return std::ranges::max(reply.readings, {}, &MonitoredReply::Reading::risk).risk;
}

double alarm_threshold(std::span<const double> right, double rate) {
  if (!(rate > 0 && rate < 1)) throw input_error("a rate of false alarms of {}: expected between 0 and 1", rate);
  const auto n = right.size();
  const auto k = static_cast<std::size_t>(std::ceil(static_cast<double>(n + 1) * (1 - rate) - 1e-9));
  if (k > n) return 1;
  std::vector<double> sorted(right.begin(), right.end());
  std::ranges::sort(sorted);
  return sorted[k - 1];
}

AlarmQuality judge_alarms(std::span<const MonitoredReply> replies, double threshold) {
  AlarmQuality quality;
  std::vector<double> to_answer, to_end;
  for (const MonitoredReply& reply : replies) {
    const auto alarm =
        std::ranges::find_if(reply.readings, [&](const auto& reading) { return reading.risk > threshold; });
    const bool raised = alarm != reply.readings.end();
    ++(reply.failed ? quality.n_failed : quality.n_right);
    if (!raised) continue;
    ++(reply.failed ? quality.found : quality.false_alarms);
    if (!reply.failed) continue;
    to_end.push_back(static_cast<double>(reply.n_tokens - alarm->tokens));
    if (!reply.answer_token) continue;
    to_answer.push_back(static_cast<double>(*reply.answer_token - alarm->tokens));
    quality.found_before += alarm->tokens <= *reply.answer_token ? 1 : 0;
  }
  quality.lead_answer = spread_of(to_answer);
  quality.lead_end = spread_of(to_end);
  return quality;
}

}  // namespace neurosweep
