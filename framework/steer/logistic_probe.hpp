#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// Penalties of a logistic regression: minimised is mean cross-entropy + l1 * |w| + l2 / 2 * sum of factor * w².
struct LogisticPenalty {
  double l1 = 0;
  double l2 = 0;
  std::vector<double> l2_factors = {};  ///< [K] 0 to 1; empty: all 1
};

/// A linear model of the log-odds of failure over standardised features.
struct LogisticProbe {
  at::Tensor center, scale;  ///< [K] of the training items
  at::Tensor weights;        ///< [K] by standardised feature
  double intercept = 0;
  double train_loss = 0;  ///< mean cross-entropy, nats

  /// Log-odds [n] of x [n, K] f32.
  std::vector<double> logits(const at::Tensor& x) const;
};

/// Fits by accelerated proximal gradient; the intercept is not penalised.
///   x        [n, K] f32 on the CPU, n >= 1
///   failed   [n] shares
///   throws   Error{input} when lengths differ or n == 0
///   source   Beck, Teboulle 2009 (FISTA)
LogisticProbe fit_logistic(const at::Tensor& x, const std::vector<double>& failed, const LogisticPenalty& penalty);

/// Mean cross-entropy of log-odds, nats.
double cross_entropy(const std::vector<double>& logits, const std::vector<double>& failed);

}  // namespace neurosweep
