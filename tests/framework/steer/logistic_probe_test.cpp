#include "framework/steer/logistic_probe.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

/// Failure follows feature 0 alone, with log-odds 2 x + 0.5.
struct Data {
  at::Tensor x;
  std::vector<double> failed;
};

Data data(std::int64_t n) {
  at::Generator generator = at::detail::createCPUGenerator(7);
  Data result{at::empty({n, 5}).normal_(0, 1, generator), {}};
  const at::Tensor u = at::empty({n}).uniform_(0, 1, generator);
  for (std::int64_t i = 0; i < n; ++i) {
    const double logit = 2 * result.x[i][0].item<double>() + 0.5;
    result.failed.push_back(u[i].item<double>() < 1 / (1 + std::exp(-logit)) ? 1 : 0);
  }
  return result;
}

TEST(FitLogistic, FindsTheModelThatMadeTheData) {
  const Data known = data(4000);

  const LogisticProbe probe = fit_logistic(known.x, known.failed, {});

  EXPECT_NEAR(probe.weights[0].item<double>(), 2, 0.2);
  EXPECT_NEAR(probe.intercept, 0.5, 0.12);
  EXPECT_NEAR(probe.weights[3].item<double>(), 0, 0.15);
  EXPECT_DOUBLE_EQ(probe.train_loss, cross_entropy(probe.logits(known.x), known.failed));
}

TEST(FitLogistic, LeavesOutWeakFeaturesUnderAnL1Penalty) {
  const Data known = data(1000);

  const LogisticProbe probe = fit_logistic(known.x, known.failed, {.l1 = 0.1});

  EXPECT_GT(probe.weights[0].item<double>(), 0.5);
  for (int j = 1; j < 5; ++j) EXPECT_EQ(probe.weights[j].item<double>(), 0) << j;
}

TEST(FitLogistic, PenalisesEachFeatureByItsFactor) {
  const Data known = data(4000);

  const LogisticProbe spared = fit_logistic(known.x, known.failed, {.l2 = 30, .l2_factors = {0, 1, 1, 1, 1}});
  const LogisticProbe even = fit_logistic(known.x, known.failed, {.l2 = 30});

  EXPECT_NEAR(spared.weights[0].item<double>(), 2, 0.2);
  EXPECT_LT(even.weights[0].item<double>(), 0.05);
  for (int j = 1; j < 5; ++j) EXPECT_NEAR(spared.weights[j].item<double>(), 0, 0.01) << j;
}

TEST(FitLogistic, MeetsTheConditionsOfItsOptimum) {
  const Data known = data(500);
  const double l2 = 0.1;

  const LogisticProbe probe = fit_logistic(known.x, known.failed, {.l2 = l2});

  const auto logits = probe.logits(known.x);
  const at::Tensor z = known.x.to(at::kDouble).sub(probe.center).div(probe.scale);
  const at::Tensor residual = at::tensor(logits, at::kDouble).sigmoid().sub(at::tensor(known.failed, at::kDouble));
  const at::Tensor gradient = at::matmul(z.t(), residual).div(500).add(probe.weights, l2);
  EXPECT_LT(gradient.abs().max().item<double>(), 1e-6);
  EXPECT_LT(std::abs(residual.mean().item<double>()), 1e-6);
}

TEST(FitLogistic, RefusesOutcomesOfAnotherNumber) {
  EXPECT_THROW(fit_logistic(at::zeros({3, 2}), {1, 0}, {}), Error);
  EXPECT_THROW(fit_logistic(at::zeros({0, 2}), {}, {}), Error);
}

}  // namespace
}  // namespace neurosweep
