#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/rank/stats.hpp"

namespace neurosweep {

/// What must not get worse when a model is edited: accuracy on tasks of a study.
struct GuardSettings {
  std::string study;               ///< file whose tasks guard; "": none do
  std::vector<std::string> tasks;  ///< of the study; empty: all
  std::string split = "validate";  ///< of each task, whose items are measured
  std::int64_t items = 200;        ///< of that split, at most, drawn by the study's seed
  std::int64_t max_new_tokens = 64;
  double max_drop = 1;  ///< in points of accuracy
  std::string dtype = "float32";
};

/// A guard task before and after the edit, greedily decoded, paired by item.
struct GuardResult {
  std::string task, split;
  std::int64_t n = 0, fixed = 0, broken = 0;
  double before = 0, after = 0;  ///< accuracy, 0 to 1
  Interval change;               ///< of after - before, 95 %
  double p = 1;                  ///< McNemar's exact test
  bool passed = true;            ///< the measured drop is within the bound
};

/// Measures both models, one after the other.
///   throws  Error{input}: no such study, task or split, a task without items of the split
std::vector<GuardResult> measure_guards(const GuardSettings& settings, const std::string& before_dir,
                                        const std::string& after_dir);

/// One line for people.
std::string guard_text(const GuardResult& result);

}  // namespace neurosweep
