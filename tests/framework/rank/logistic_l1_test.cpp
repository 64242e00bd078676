#include "framework/rank/logistic_l1.hpp"

#include <cmath>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "framework/rank/counter_rng.hpp"

namespace neurosweep {
namespace {

/// 24 observations of 6 features, 6 of them positive.
struct SineData {
  FeatureMatrix x{24, {}};
  std::vector<std::int64_t> label;

  SineData() {
    for (int j = 0; j < 6; ++j) {
      for (int i = 0; i < 24; ++i) x.values.push_back(static_cast<float>(std::sin(1.7 * (i + 1) * (j + 1) + j)));
    }
    for (int i = 0; i < 24; ++i) {
      label.push_back(x.column(0)[i] - 0.5 * x.column(2)[i] + 0.3 * std::cos(5 * i) > 0.7 ? 1 : 0);
    }
  }
};

struct Golden {
  double c;
  std::vector<double> weights;
  double intercept;
};

TEST(LogisticL1, HasTheOptimumOfSaga) {
  // scikit-learn 1.9.1: LogisticRegression(penalty="l1", solver="saga", class_weight="balanced", tol=1e-12).
  const Golden goldens[] = {
      {1, {3.06831183, 0, 0, 0.980927639, 0, 0}, -1.45614314},
      {10, {12.7672812, 0, -1.46013779, 2.1536924, 0, 1.33559591}, -8.51186804},
      {100, {43.3622974, 0, -4.36661824, 3.8618955, 0, 6.14108056}, -29.7336168},
  };
  const SineData data;

  for (const Golden& golden : goldens) {
    const LogisticFit fit = fit_logistic_l1(data.x, data.label, {golden.c, 1e-7});

    EXPECT_LE(fit.kkt, 1e-7);
    EXPECT_NEAR(fit.intercept, golden.intercept, 1e-5 * std::abs(golden.intercept));
    for (std::size_t j = 0; j < 6; ++j) EXPECT_NEAR(fit.weights[j], golden.weights[j], 1e-5 * golden.c) << j;
  }
}

/// More features than observations, with copies of some.
FeatureMatrix wide_matrix(std::int64_t n, std::int64_t p) {
  FeatureMatrix x{n, {}};
  CounterRng rng(3);
  for (std::int64_t i = 0; i < n * p; ++i) x.values.push_back(static_cast<float>(rng.uniform() - 0.5));
  for (std::int64_t i = 0; i < n; ++i) x.values[static_cast<std::size_t>(i)] = x.column(1)[i];
  return x;
}

/// Gradient of the balanced loss, with plain loops: the last entry is the intercept's.
std::vector<double> slow_gradient(const FeatureMatrix& x, const std::vector<std::int64_t>& label, double c,
                                  const LogisticFit& fit) {
  std::vector<double> gradient(fit.weights.size() + 1, 0);
  double positive = 0;
  for (const std::int64_t y : label) positive += static_cast<double>(y);
  const auto n = static_cast<double>(label.size());
  for (std::size_t i = 0; i < label.size(); ++i) {
    double logit = fit.intercept;
    for (std::size_t j = 0; j < fit.weights.size(); ++j) logit += fit.weights[j] * x.column(j)[i];
    const double weight = c * n / 2 / (label[i] == 1 ? positive : n - positive);
    const double slope = weight * (1 / (1 + std::exp(-logit)) - static_cast<double>(label[i]));
    for (std::size_t j = 0; j < fit.weights.size(); ++j) gradient[j] += slope * x.column(j)[i];
    gradient.back() += slope;
  }
  return gradient;
}

TEST(LogisticL1, MeetsTheConditionsOfItsOptimumWithMoreFeaturesThanObservations) {
  const FeatureMatrix x = wide_matrix(60, 300);
  std::vector<std::int64_t> label;
  for (std::int64_t i = 0; i < x.n; ++i) label.push_back(x.column(0)[i] + 0.5 * x.column(7)[i] > 0.2 ? 1 : 0);
  LogisticFit fit;

  for (const double c : {0.01, 0.1, 1.0, 10.0, 1000.0}) {
    fit = fit_logistic_l1(x, label, {c, 1e-6}, fit);

    const auto gradient = slow_gradient(x, label, c, fit);
    EXPECT_NEAR(gradient.back(), 0, 1e-5) << c;
    for (std::size_t j = 0; j < fit.weights.size(); ++j) {
      const double w = fit.weights[j];
      const double expected = w > 0 ? -1 : w < 0 ? 1 : gradient[j];
      EXPECT_NEAR(gradient[j], expected, 1e-5) << c << " weight " << j;
      EXPECT_LE(std::abs(gradient[j]), 1 + 1e-5) << c << " weight " << j;
    }
  }
}

TEST(LogisticL1, HasNoWeightUnderAStrongPenalty) {
  const SineData data;

  const LogisticFit fit = fit_logistic_l1(data.x, data.label, {1e-3});

  EXPECT_THAT(fit.weights, ::testing::Each(0));
  EXPECT_NEAR(fit.intercept, 0, 1e-3) << "balanced classes have even odds";
}

TEST(LogisticL1, RefusesOneClassAndLabelsOfAnotherLength) {
  const SineData data;

  EXPECT_THROW(fit_logistic_l1(data.x, std::vector<std::int64_t>(24, 1), {}), Error);
  EXPECT_THROW(fit_logistic_l1(data.x, std::vector<std::int64_t>{0, 1}, {}), Error);
  EXPECT_THROW(fit_logistic_l1(data.x, data.label, {0}), Error);
}

}  // namespace
}  // namespace neurosweep
