#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "framework/steer/monitor_file.hpp"

namespace neurosweep {

/// Readings at one moment, and whether the replies failed.
struct MonitorSample {
  std::vector<std::span<const float>> signals;  ///< [n] of the same length
  std::vector<double> failed;                   ///< [n] 0 or 1
};

/// A fitted probe with how it was fitted.
struct MonitorFit {
  MonitorProbe probe;
  double penalty = 0;
  double train_loss = 0, validate_loss = 0;  ///< mean cross-entropy before calibration, nats
};

/// Fits a probe that reads some of the signals: L2 penalty of least loss on the validate replies (none for one signal,
/// weak on output signals), calibrated on them. A calibration that would turn the order of risks round is one of no
/// knowledge: the risk is then the validate replies' rate of failure.
///   columns  signals that are read; the others get no weight
///   tokens   generated at this moment
///   throws   Error{input}: no reply on one of the sides
MonitorFit fit_monitor_probe(const MonitorSample& train, const MonitorSample& validate,
                             std::span<const std::size_t> columns, std::int64_t tokens);

}  // namespace neurosweep
