#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/monitor_data.hpp"

namespace neurosweep {

/// Derived rows of a monitor experiment.
struct MonitorRows {
  std::vector<MonitorQualityRow> quality;
  std::vector<MonitorAlarmRow> alarms;
  std::vector<MonitorRiskRow> risks;
  std::vector<MonitorFitRow> fits;
  std::vector<MonitorWeightRow> weights;
};

/// Throws Error{input} that starts with `where` unless a monitor can be exported that reads this: neurons, output,
/// both.
void check_predictor(const std::string& name, std::string_view where);

/// Fits every predictor of a model on the identify replies, calibrates it on one half of the validate items and sets
/// thresholds on the other, and adds what they say and how good it is.
///   neurons  read, in the order of the signals
///   seed     deals the validate items; of the intervals of calibration errors
void add_monitor_rows(MonitorRows& rows, const MonitorSpec& keys, const std::string& model,
                      const std::vector<NeuronId>& neurons, std::vector<ReadReply>& replies, std::uint64_t seed);

}  // namespace neurosweep
