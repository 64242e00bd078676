#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/rank/logistic_l1.hpp"
#include "framework/rank/stats.hpp"

namespace neurosweep {

/// Traces as a probe sees them.
struct ProbeData {
  FeatureMatrix last;                 ///< last activation of every neuron
  std::vector<std::int64_t> correct;  ///< [n] 1 or 0
  std::vector<std::string> item;      ///< [n] what was asked: traces of one item stay in one fold
};

struct ProbeSpec {
  std::int64_t features = 131072;  ///< neurons kept by ANOVA's F
  std::int64_t folds = 5;
  std::vector<double> grid = {1e-4, 1e-3, 1e-2, 1e-1, 1, 10};  ///< of c, ascending
  std::uint64_t seed = 0;
};

/// How a penalty did on one held-out fold.
struct ProbeFold {
  double c = 0;
  std::int64_t fold = 0;
  std::int64_t n = 0;
  std::int64_t n_nonzero = 0;
  std::optional<double> auroc;  ///< none when the fold has one outcome only
};

/// A fitted probe.
struct Probe {
  std::vector<double> weights;  ///< [p] by scaled activation: a / scale
  std::vector<double> scale;    ///< [p] 10 sigma; 0 for a neuron that never changes
  std::int64_t n_features = 0;
  double c = 0;    ///< best mean AUROC of the folds; the stronger penalty among equals
  double kkt = 0;  ///< of the final fit
  std::vector<ProbeFold> folds;
  double auroc = 0;                   ///< held out, at c: mean over folds
  std::optional<Interval> interval;   ///< of it, 95 %: bootstrap over items within folds
  std::optional<double> within_item;  ///< held out, at c: among traces of one item, mean over pairs
  double train_auroc = 0;
};

/// F statistic of a one-way analysis of variance of each feature between the two classes, [p]; 0 for a constant one.
std::vector<double> anova_f(const FeatureMatrix& x, std::span<const std::int64_t> label);

/// Area under the ROC curve, ties half; nothing with one class only.
std::optional<double> area_under_roc(std::span<const double> score, std::span<const std::int64_t> label);

/// Fold of each trace: items with like shares of correct traces are dealt to different folds, whole.
std::vector<std::int64_t> stratified_folds(const ProbeData& data, std::int64_t folds, std::uint64_t seed);

/// Fits the probing baseline: activations scaled by 1 / (10 sigma), the best features by F, L1 logistic regression with
/// balanced classes, c by cross-validation over items. Scales and features are found anew in the training part of each
/// fold. The AUROC at the chosen c is that of the best of the grid, so it flatters a little.
///   returns  nothing when an outcome is missing from all traces, or from the training part of some fold
///   source   arXiv:2601.19847 sec. A.2, A.3
std::optional<Probe> fit_probe(const ProbeData& data, const ProbeSpec& spec);

}  // namespace neurosweep
