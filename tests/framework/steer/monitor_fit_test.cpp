#include "framework/steer/monitor_fit.hpp"

#include <cmath>
#include <numbers>

#include <gmock/gmock.h>

#include "framework/rank/counter_rng.hpp"
#include "framework/rank/prediction_quality.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

/// Random readings of which some columns carry a planted signal of failure.
struct Planted {
  std::vector<std::vector<float>> rows;
  MonitorSample sample;

  Planted(std::size_t n, std::size_t columns, double size, std::uint64_t seed) {
    CounterRng rng(seed);
    const auto normal = [&] {
      return std::sqrt(-2 * std::log(1 - rng.uniform())) * std::cos(2 * std::numbers::pi * rng.uniform());
    };
    for (std::size_t i = 0; i < n; ++i) {
      const double failed = rng.uniform() < 0.3 ? 1 : 0;
      std::vector<float> row;
      for (std::size_t c = 0; c < columns; ++c) {
        row.push_back(static_cast<float>(5 + 0.1 * normal() + (c == 2 ? 0.1 * size * failed : 0)));
      }
      rows.push_back(std::move(row));
      sample.failed.push_back(failed);
    }
    for (const auto& row : rows) sample.signals.emplace_back(row);
  }
};

double test_auroc(const MonitorProbe& probe, const Planted& test) {
  std::vector<double> risk;
  for (const auto& signals : test.sample.signals) risk.push_back(probe.risk(signals));
  return auroc(risk, test.sample.failed, 0.95)->value;
}

const std::vector<std::size_t> kColumns = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

TEST(FitMonitorProbe, FindsAPlantedSignalAndIsCalibrated) {
  const Planted train(600, 10, 2, 1), validate(600, 10, 2, 2), test(2000, 10, 2, 3);

  const MonitorFit fit = fit_monitor_probe(train.sample, validate.sample, kColumns, 8);

  // Two deviations apart: the best AUROC there is is the normal distribution's value at the root of 2.
  EXPECT_NEAR(test_auroc(fit.probe, test), 0.921, 0.02);
  std::vector<double> risk;
  for (const auto& signals : test.sample.signals) risk.push_back(fit.probe.risk(signals));
  EXPECT_LT(calibration_error(risk, test.sample.failed, 10), 0.04);
  EXPECT_EQ(fit.probe.tokens, 8);
  EXPECT_LT(fit.train_loss, 0.5);
}

TEST(FitMonitorProbe, FindsNothingWhereThereIsNothing) {
  const Planted train(600, 10, 0, 4), validate(600, 10, 0, 5), test(2000, 10, 0, 6);

  const MonitorFit fit = fit_monitor_probe(train.sample, validate.sample, kColumns, 0);

  EXPECT_NEAR(test_auroc(fit.probe, test), 0.5, 0.04);
  for (const auto& signals : test.sample.signals) EXPECT_NEAR(fit.probe.risk(signals), 0.3, 0.15);
}

TEST(FitMonitorProbe, ReadsOnlyTheGivenSignals) {
  const Planted train(300, 10, 2, 1), validate(300, 10, 2, 2);
  const std::vector<std::size_t> others = {0, 1};

  const MonitorFit fit = fit_monitor_probe(train.sample, validate.sample, others, 0);

  ASSERT_EQ(fit.probe.weight.size(), 10U);
  for (std::size_t c = 2; c < 10; ++c) EXPECT_EQ(fit.probe.weight[c], 0);
}

TEST(FitMonitorProbe, HasNoKnowledgeWhereTheValidateRepliesTurnTheOrderRound) {
  const Planted train(300, 10, 2, 1), opposite(300, 10, -2, 2);
  double failed = 0.5;
  for (const double each : opposite.sample.failed) failed += each;

  const MonitorFit fit = fit_monitor_probe(train.sample, opposite.sample, std::vector<std::size_t>{2}, 0);

  EXPECT_EQ(fit.probe.slope, 0);
  EXPECT_NEAR(fit.probe.risk(train.sample.signals[0]), failed / 301, 1e-9);
}

TEST(FitMonitorProbe, RefusesASideWithoutReplies) {
  const Planted train(30, 10, 2, 1);

  expect_error(ErrorKind::input, ::testing::HasSubstr("needs replies"),
               [&] { fit_monitor_probe(train.sample, {}, kColumns, 0); });
}

}  // namespace
}  // namespace neurosweep
