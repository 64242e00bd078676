#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "framework/base/ids.hpp"
#include "framework/rank/stats.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// One intervention on one neuron in one role. Rounds that repeat it share it.
struct ArmKey {
  std::string op;    ///< with value and span where a neuron meets the op in several strengths
  std::string role;  ///< 'candidate' or 'control'
  NeuronId id;
  auto operator<=>(const ArmKey&) const = default;
};

/// Effects of arms on items: one number for each arm and item, the mean of what was measured there.
class EffectTable {
 public:
  /// Number of an item, dense in the order of first sight.
  std::size_t number_of(const std::string& item);
  void add(std::size_t arm, std::size_t item, double effect);

  /// Effects of an arm in the order in which items were first seen; items it was not measured on are left out.
  std::vector<double> of_arm(std::size_t arm) const;

 private:
  std::map<std::string, std::size_t> items_;
  std::vector<std::vector<double>> means_;                       // [arm][item], NaN where not measured
  std::map<std::pair<std::size_t, std::size_t>, int> repeated_;  // measurements of an (arm, item), where above 1
};

/// All single-neuron effects of an experiment.
struct EffectFold {
  std::map<std::string, std::map<ArmKey, std::size_t>> arms;  ///< model -> arm -> number within the model
  std::map<std::pair<std::string, std::string>, std::map<std::string, EffectTable>>
      tables;                  ///< (model, metric) -> task
  std::int64_t nonfinite = 0;  ///< effects left out
};

/// Folds an experiment's effect blocks in (round, unit, seq) order.
///   throws   Error{input} when it has no round or no block; Error{store} for a block of arms that no plan holds
EffectFold fold_effects(const Database& db, const std::string& experiment);

}  // namespace neurosweep
