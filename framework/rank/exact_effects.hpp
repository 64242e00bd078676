#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/rank/stats.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// Exact effect of suppressing each neuron of a model alone, item by item.
struct ExactEffects {
  std::int64_t M = 0;
  std::vector<std::vector<double>> by_neuron;  ///< [L*M][items]

  std::size_t n_items() const { return by_neuron.empty() ? 0 : by_neuron.front().size(); }
  std::vector<double> means() const;  ///< [L*M]
};

/// Effects of a sweep of all neurons on a task, or on all its tasks (kAllTasks), of the metric.
///   returns  nothing when the sweep has no such model or task
///   throws   Error{input} when it did not measure every neuron on every item: its candidates must be "all"
std::optional<ExactEffects> read_exact_effects(const Database& db, const std::string& sweep, const std::string& metric,
                                               const ModelRow& model, const std::string& task);

/// The most harmful neurons: lowest mean effect first; ties by neuron.
std::vector<NeuronId> most_harmful(const ExactEffects& effects, std::int64_t count);

/// How much a set of neurons hangs on what is measured.
struct SetHarm {
  Moments effect;                      ///< over items, of the mean over the set
  std::optional<Interval> interval;    ///< 95 %, bootstrap over items
  double random_effect = 0;            ///< of all other neurons, weighted to as many in every layer as the set
  std::optional<Interval> difference;  ///< of effect minus random_effect
  std::optional<double> p;             ///< signed-rank test of that difference, by item
};

/// Exact effect of the neurons of a set, each alone, against the other neurons of their layers.
///   returns  intervals and p only with 2 items or more
///   throws   Error{input} when the set is a whole layer: no other neuron is left there
SetHarm set_harm(const ExactEffects& effects, const std::set<NeuronId>& set, std::uint64_t seed);

}  // namespace neurosweep
