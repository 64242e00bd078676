#include "framework/steer/monitor_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/intervene/monitor_signals.hpp"
#include "framework/rank/prediction_quality.hpp"
#include "framework/steer/logistic_probe.hpp"

namespace neurosweep {

namespace {

constexpr double kPenalties[] = {100, 30, 10, 3, 1, 0.3, 0.1, 0.03};
constexpr double kOutputFactor = 0.003;  ///< of the penalty on the output signals, which are few

at::Tensor columns_of(const MonitorSample& sample, std::span<const std::size_t> columns) {
  const auto n = static_cast<std::int64_t>(sample.signals.size()), k = static_cast<std::int64_t>(columns.size());
  at::Tensor x = at::empty({n, k});
  auto* out = x.mutable_data_ptr<float>();
  for (const auto& signals : sample.signals) {
    for (const std::size_t column : columns) *out++ = signals[column];
  }
  return x;
}

/// The regression over the read signals as one over all of them.
MonitorProbe expanded(const LogisticProbe& fitted, std::span<const std::size_t> columns, std::size_t n_signals) {
  MonitorProbe probe;
  probe.center.assign(n_signals, 0);
  probe.scale.assign(n_signals, 1);
  probe.weight.assign(n_signals, 0);
  probe.intercept = fitted.intercept;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    probe.center[columns[k]] = fitted.center.const_data_ptr<double>()[k];
    probe.scale[columns[k]] = fitted.scale.const_data_ptr<double>()[k];
    probe.weight[columns[k]] = fitted.weights.const_data_ptr<double>()[k];
  }
  return probe;
}

void calibrate(MonitorProbe& probe, const MonitorSample& validate) {
  std::vector<double> logits;
  for (const auto& signals : validate.signals) logits.push_back(probe.logit(signals));
  const Calibration calibration = fit_calibration(logits, validate.failed);
  probe.slope = calibration.slope;
  probe.shift = calibration.intercept;
  if (probe.slope > 0) return;
  const double failures = 0.5 + std::accumulate(validate.failed.begin(), validate.failed.end(), 0.0);
  probe.slope = 0;
  probe.shift = std::log(failures / (static_cast<double>(validate.failed.size()) + 1 - failures));
}

}  // namespace

MonitorFit fit_monitor_probe(const MonitorSample& train, const MonitorSample& validate,
                             std::span<const std::size_t> columns, std::int64_t tokens) {
  if (train.signals.empty() || validate.signals.empty()) {
    throw input_error("a monitor needs replies to be fitted on and others to be calibrated on");
  }
  const at::Tensor train_x = columns_of(train, columns), validate_x = columns_of(validate, columns);
  std::vector<double> factors;
  for (const std::size_t column : columns) factors.push_back(column < kOutputSignals.size() ? kOutputFactor : 1);
  std::vector<double> penalties(std::begin(kPenalties), std::end(kPenalties));
  if (columns.size() == 1) penalties = {0};
  MonitorFit best;
  best.validate_loss = std::numeric_limits<double>::infinity();
  for (const double penalty : penalties) {
    const LogisticProbe fitted = fit_logistic(train_x, train.failed, {0, penalty, factors});
    const double loss = cross_entropy(fitted.logits(validate_x), validate.failed);
    if (loss >= best.validate_loss) continue;
    best = {expanded(fitted, columns, train.signals[0].size()), penalty, fitted.train_loss, loss};
  }
  best.probe.tokens = tokens;
  calibrate(best.probe, validate);
  return best;
}

}  // namespace neurosweep
