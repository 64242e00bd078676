#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "framework/rank/stats.hpp"

namespace neurosweep {

// How good probabilities of an event are. `outcome` [n] is the share of an item's attempts at which the event happened:
// 0 or 1 with one attempt. An item counts with that share among the events and with the rest among the others.

/// Area under the ROC curve: the chance that an event has a higher score than a non-event, ties half.
struct Auroc {
  double value = 0;
  Interval interval;
};

/// AUROC with DeLong's interval, its variance summed by item and taken on the logit scale. A perfect separation has no
/// variance: its bound is Clopper and Pearson's for as many successes as the rarer outcome has items.
///   score    [n] higher means likelier
///   returns  nothing when the event always or never happened
///   throws   Error{input} when lengths differ, an outcome is outside 0..1, a score is NaN, or level not inside (0, 1)
///   source   DeLong, DeLong, Clarke-Pearson 1988; Obuchowski 1997 for items with several attempts
std::optional<Auroc> auroc(std::span<const double> score, std::span<const double> outcome, double level);

/// Mean squared error of probabilities, over attempts.
///   source   Brier 1950
double brier_score(std::span<const double> p, std::span<const double> outcome);

/// A run of items that are next to each other in predicted probability.
struct ReliabilityBin {
  std::int64_t n = 0;
  double mean_p = 0;
  double rate = 0;  ///< mean outcome
};

/// Bins of equal count by predicted probability, lowest first; items of equal probability stay in one bin.
///   bins     at least 1; fewer come back when there are fewer items or ties run over a bin
std::vector<ReliabilityBin> reliability_bins(std::span<const double> p, std::span<const double> outcome, int bins);

/// Expected calibration error: mean over items of |rate - mean_p| of their bin. Noise alone keeps it above 0.
///   source   Naeini, Cooper, Hauskrecht 2015, with bins of equal count
double calibration_error(std::span<const double> p, std::span<const double> outcome, int bins);

/// Interval of the calibration error, which covers at least its level. By bootstrap over items, which adds about as
/// much noise to the error as the sample has: so the lower bound is reflected at the error. It is 0 when the error is
/// no larger than outcomes drawn with the predicted probabilities give.
///   source  Broecker, Smith 2007 for the drawn outcomes
Interval calibration_error_interval(std::span<const double> p, std::span<const double> outcome, int bins, double level,
                                    std::uint64_t seed, int draws = 1000);

/// p = sigmoid(slope * logit + intercept).
struct Calibration {
  double slope = 1;
  double intercept = 0;

  double probability(double logit) const;
};

/// The calibration of greatest likelihood, by Newton's method, with half a pseudo-item of either outcome at logit 0.
///   source   Platt 1999
Calibration fit_calibration(std::span<const double> logit, std::span<const double> outcome);

/// The least p of the greatest sensitivity + specificity - 1; predicted is p >= threshold. 0.5 when the event always
/// or never happened.
///   source   Youden 1950
double youden_threshold(std::span<const double> p, std::span<const double> outcome);

struct RatesAt {
  std::optional<double> sensitivity;  ///< events predicted; nothing when there are none
  std::optional<double> specificity;  ///< non-events not predicted
};
RatesAt rates_at(double threshold, std::span<const double> p, std::span<const double> outcome);

/// AUROC of the share of an item's other attempts as score of one attempt: what repeating tells about repeating.
///   attempts  of every item, at least 2
///   returns   nothing when the event always or never happened
std::optional<double> repeat_auroc(std::span<const double> outcome, std::int64_t attempts);

/// AUROC of a predictor that knows the true rate of every item: the ceiling of any that sees the item alone. The rates'
/// distribution is estimated from the counts, by maximum likelihood without a form assumed.
///   source   Laird 1978 for the distribution (EM on a grid)
std::optional<double> ceiling_auroc(std::span<const double> outcome, std::int64_t attempts);

}  // namespace neurosweep
