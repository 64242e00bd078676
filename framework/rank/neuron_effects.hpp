#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/rank/critical_set.hpp"
#include "framework/rank/stats.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// How single-neuron suppression effects become critical sets.
struct RankSpec {
  std::string experiment;
  std::string metric = "reasoning_logprob";  ///< the metric that classes and sets are made from
  std::int64_t top = 50;                     ///< most neurons in a critical set
  double fdr = 0.05;                         ///< false discovery rate over the candidates of a model, task and metric
  double control_quantile = 0.05;            ///< share of the random controls' means a critical neuron must be below
  std::int64_t general_tasks = 2;            ///< tasks a neuron must be critical in to be 'general'
};

/// Effect of a candidate over items.
struct CandidateEffect {
  double mean = 0;
  std::optional<double> p;  ///< two-sided Wilcoxon signed-rank test over items; none when n < 2
};

/// The arms that one verdict compares: one intervention of a model on a task, under one metric.
struct EffectFamily {
  std::vector<CandidateEffect> candidates;
  std::vector<double> control_means;  ///< mean effect of each random control arm over items
};

/// Verdict on a candidate.
struct CandidateVerdict {
  std::optional<double> q;  ///< Benjamini-Hochberg over the candidates that have a p
  bool critical = false;
};

/// Which candidates are critical. A candidate is when all three hold:
///   1. q <= spec.fdr;
///   2. its mean effect is negative: suppressing it lowers the metric;
///   3. its mean effect is below the spec.control_quantile quantile of the controls' mean effects (type 7); without
///      a control nothing is critical.
///   families  of one model, task and metric, one an intervention: q runs over all, controls are compared within one
///   returns   verdicts in the order of the families and their candidates
std::vector<std::vector<CandidateVerdict>> judge_candidates(std::span<const EffectFamily> families,
                                                            const RankSpec& spec);

/// Name of a neuron's reach over tasks: 'general' when critical in at least `general_tasks` tasks, 'specific' in
/// fewer, 'none' in none.
const char* class_of_neuron(std::int64_t tasks_critical, std::int64_t general_tasks);

/// Folds the effect blocks of a sweep into neuron_effect rows, classes and critical sets, and returns the sets.
///
/// One item counts once for a neuron: several effects on it (traces, rounds) are averaged first. Effects fold in
/// (round, unit, seq) order. Intervals are 95 % Student t over items, p the signed-rank test, which a few items with a
/// huge effect do not blunt; with fewer than 2 items both are absent. The pool kAllTasks folds the items of all tasks.
/// Sets hold critical neurons only, the most negative mean first. NaN and infinite effects are left out of the means
/// and counted in a warning.
///   throws   Error{input} when the experiment has no round, no effect block, or none under spec.metric
std::vector<CriticalSet> rank_neurons(Database& db, const RankSpec& spec);

}  // namespace neurosweep
