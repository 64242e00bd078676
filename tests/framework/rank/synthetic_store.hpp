#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/store/database.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep::testing {

/// A planned arm of a synthetic sweep.
struct PlantedArm {
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::string role = "candidate";
  std::string op = "zero";
  double value = 0;
};

/// A trace of a synthetic experiment, with the mean activation of each of its model's neurons.
struct PlantedTrace {
  std::string task;
  std::string item;
  std::int64_t attempt = 0;
  bool correct = false;
  std::vector<float> means;  ///< none: a trace without activation means
};

/// An answer under an arm of a synthetic set experiment.
struct PlantedOutcome {
  std::string task;
  std::string item;
  std::string arm;
  bool correct = false;
  double logprob = 0;
};

using EffectOf = std::function<double(const std::string& task, int item, const PlantedArm& arm)>;

/// A results.db filled with planted numbers: model "tiny" (2 layers of 4 neurons), tasks "add" and "sort".
class SyntheticStore {
 public:
  SyntheticStore();

  Database& db() { return db_; }
  const std::string& dir() const { return dir_; }

  /// One round of a sweep: each arm on `items` items of each task, a unit an item.
  void add_sweep(const std::string& experiment, const std::vector<std::string>& tasks, int items,
                 const std::vector<PlantedArm>& arms, const EffectOf& effect_of,
                 const std::string& metric = "reasoning_logprob");
  void add_traces(const std::string& experiment, const std::vector<PlantedTrace>& traces);
  void add_outcomes(const std::string& experiment, const std::vector<PlantedOutcome>& outcomes);
  void add_failure(std::int64_t round_id, std::int64_t unit, const std::string& kind, const std::string& message);

 private:
  RoundRow next_round(const std::string& experiment, const std::string& kind, std::int64_t units);
  void add_unit(std::int64_t round_id, std::int64_t unit);

  TempDir folder_;
  std::string dir_;
  Database db_;
  std::int64_t rounds_ = 0;
};

}  // namespace neurosweep::testing
