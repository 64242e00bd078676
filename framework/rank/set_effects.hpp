#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/rank/stats.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

inline constexpr const char* kBaselineArm = "baseline";
inline constexpr const char* kCriticalSet = "critical";
inline constexpr const char* kRandomSetPrefix = "random-";
/// Name of the n-th random control set: random-00, random-01, ...
std::string random_set_name(std::int64_t n);

/// One item answered untouched and with a set suppressed.
struct PairedAnswer {
  bool baseline_correct = false;
  bool correct = false;
  std::optional<double> logprob_change;  ///< suppressed minus baseline, natural log
};

/// What suppressing a set does to the items of a task.
struct SetEffect {
  std::int64_t n = 0;
  std::int64_t n_correct = 0;
  std::int64_t n_baseline_correct = 0;
  double mcnemar_p = 1;  ///< exact, two-sided
  std::optional<double> logprob_change;
  std::optional<Interval> logprob_interval;  ///< 95 % BCa bootstrap over items; none with fewer than 2
  std::optional<double> wilcoxon_p;          ///< two-sided signed-rank test of the log-probability changes
};

/// Effect of a set on paired items; the seed fixes the bootstrap.
///   throws   Error{input} when there is no item
SetEffect set_effect_of(std::span<const PairedAnswer> items, std::uint64_t seed);

/// One item answered under the critical set (or an edit) and under each of its random controls.
struct ContrastItem {
  bool critical = false;            ///< correct
  std::int64_t random_correct = 0;  ///< controls under which it was correct
  std::int64_t n_random = 0;        ///< controls, one or more
};

/// The items that were answered under the critical set and under every control.
///   correct  of an answer
template <class Answers, class Correct>
std::vector<ContrastItem> contrast_items(const Answers& critical, const std::vector<const Answers*>& random_sets,
                                         const Correct& correct) {
  std::vector<ContrastItem> items;
  for (const auto& [key, answer] : critical) {
    ContrastItem item{correct(answer), 0, 0};
    for (const Answers* random_set : random_sets) {
      const auto found = random_set->find(key);
      if (found == random_set->end()) break;
      ++item.n_random;
      item.random_correct += correct(found->second) ? 1 : 0;
    }
    if (item.n_random == static_cast<std::int64_t>(random_sets.size())) items.push_back(item);
  }
  return items;
}

/// The critical set against matched random sets; the item is the unit.
struct SetContrast {
  std::int64_t n = 0;
  double critical_accuracy = 0;
  double random_accuracy = 0;
  double difference = 0;             ///< critical minus random
  std::optional<Interval> interval;  ///< 95 % BCa bootstrap over items; none with fewer than 2
  double p = 1;                      ///< two-sided, see below
};

/// Accuracies and difference, with an exact permutation test: were the critical set one of the drawn sets, then each
/// item would give it the answer of one of its n_random + 1 sets by lot. With one random set it is McNemar's test.
///   seed     of the bootstrap
///   throws   Error{input} when there is no item
SetContrast set_contrast_of(std::span<const ContrastItem> items, std::uint64_t seed);

/// Writes set_effect and set_contrast of an experiment from its outcome rows, for each model and task and for the pool
/// of the model's tasks. An item counts for a set when it was answered under it and under the baseline, and for the
/// contrast when it was answered under the critical and every random set. Replaces what the experiment had.
///   returns  one line for each model and task that lacks the baseline, the critical set or random sets; logged too
///   throws   Error{input} when the experiment has no outcome; Error{store} when an item was answered twice under one
///   arm
std::vector<std::string> reduce_set_effects(Database& db, const std::string& experiment);

}  // namespace neurosweep
