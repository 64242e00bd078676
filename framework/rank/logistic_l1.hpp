#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace neurosweep {

/// Features of observations, one column a feature.
struct FeatureMatrix {
  std::int64_t n = 0;         ///< observations
  std::vector<float> values;  ///< [p * n], column j at j * n

  std::int64_t p() const { return n == 0 ? 0 : static_cast<std::int64_t>(values.size()) / n; }
  std::span<const float> column(std::int64_t j) const { return {values.data() + j * n, static_cast<std::size_t>(n)}; }
};

/// A linear model of the log-odds: intercept + x * weights.
struct LogisticFit {
  std::vector<double> weights;  ///< [p]
  double intercept = 0;
  double kkt = 0;  ///< largest violation of the optimum's conditions, in units of the penalty (1 a unit of weight)
  std::int64_t rounds = 0;
};

struct LogisticSpec {
  double c = 1;             ///< inverse penalty
  double tolerance = 1e-4;  ///< of kkt
  std::int64_t max_rounds = 200;
};

/// Minimises |weights|_1 + c * sum_i b_i * log(1 + exp(-y_i * logit_i)), with y = +-1 and b_i balancing the classes:
/// n / (2 * size of the class). The intercept is not penalised. The optimum is SAGA's; it is reached by proximal Newton
/// steps over the coordinates that may be non-zero, each solved by coordinate descent.
///   label    [n] 1 or 0, both present
///   start    weights of an easier fit, or empty
///   throws   Error{input} when lengths differ, a class is absent or c is not positive
///   source   Yuan, Ho, Lin 2012, "An improved GLMNET for L1-regularized logistic regression"
LogisticFit fit_logistic_l1(const FeatureMatrix& x, std::span<const std::int64_t> label, const LogisticSpec& spec,
                            const LogisticFit& start = {});

/// Log-odds of every observation, [n].
std::vector<double> logits_of(const LogisticFit& fit, const FeatureMatrix& x);

}  // namespace neurosweep
