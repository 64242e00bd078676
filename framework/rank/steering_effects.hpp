#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Stages of a steer experiment: its rounds 0 and 1.
inline constexpr const char* kValidateStage = "validate";
inline constexpr const char* kTestStage = "test";

/// Holm's adjusted p values, in the order of `p`: rejecting those <= a keeps the chance of any false one at a.
///   throws   Error{input} for a p outside [0, 1] or NaN
///   source   Holm 1979
std::vector<double> holm(std::span<const double> p);

/// Items that an exact McNemar test needs to find a change with the given rates of items fixed and broken.
///   returns  by the normal approximation; 0 when the rates are equal: no number is enough
///   source   Connor 1987, "Sample size for testing differences in proportions for the paired-sample design"
std::int64_t mcnemar_items_needed(double fixed_rate, double broken_rate, double alpha, double power);

/// What the validate stage of a steer experiment says about strengths.
class ValidatedStrengths {
 public:
  ValidatedStrengths(const Database& db, const std::string& experiment);

  /// The strength of a variant with the most right answers over `tasks`; the smallest of equals.
  ///   returns  none when the stage has no answer of the variant: its units failed
  std::optional<double> best(const std::string& model, const std::vector<std::string>& tasks,
                             const std::string& variant) const;

 private:
  using Way = std::tuple<std::string, std::string, std::string>;  ///< model, task, variant
  std::map<Way, std::map<double, std::int64_t>> right_;           ///< answers, by strength
};

/// Writes steer_effect of an experiment from its outcome, steer_arm and steer_gate rows, for each model and task and
/// for the pool of the model's tasks; replaces what it had.
void reduce_steering(Database& db, const std::string& experiment);

}  // namespace neurosweep
