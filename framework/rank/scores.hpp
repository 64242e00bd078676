#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "framework/rank/critical_set.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// Which neurons contrast ranking may select.
enum class Polarity {
  require_flip,  ///< only those whose mean activation changes sign between correct and incorrect traces, eq. (2)
  any,
};

/// What pairing needs to know of a trace.
struct TraceKey {
  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string task;
  std::string item;
  std::int64_t attempt = 0;
  std::int64_t correct = 0;  ///< 0 or 1
};

struct TracePair {
  TraceKey correct;
  TraceKey incorrect;
};

/// Pairs traces of the same item: its k-th correct with its k-th incorrect one in attempt order; the rest is unused.
///   returns  pairs by task, item, k
///   source   arXiv:2601.19847 sec. 3.4
std::vector<TracePair> pair_traces(std::vector<TraceKey> traces);

/// Contrast of every neuron of a model over trace pairs.
struct ContrastScores {
  std::int64_t pairs = 0;
  std::vector<double> score;           ///< [L*M] S = mean_correct - mean_incorrect, eq. (1)
  std::vector<double> mean_correct;    ///< [L*M] activation, mean over pairs
  std::vector<double> mean_incorrect;  ///< [L*M]

  /// Whether eq. (2) holds: the means have opposite signs.
  bool sign_flip(std::size_t flat) const { return mean_correct[flat] * mean_incorrect[flat] < 0; }
};

/// Folds pairs of per-neuron mean activations into ContrastScores, one pair in memory.
class ContrastFold {
 public:
  /// Adds a pair of [L*M] means; Error{input} when the lengths differ from each other or from the first pair's.
  void add(std::span<const float> correct, std::span<const float> incorrect);
  ContrastScores finish() const;

 private:
  std::int64_t pairs_ = 0;
  std::vector<double> sum_correct_;
  std::vector<double> sum_incorrect_;
};

/// Flat indices (layer * M + neuron) of the K neurons with the largest |S|, largest first; ties by index.
///   K        at least 0; fewer come back when the polarity filter leaves fewer
std::vector<std::int64_t> rank_contrast(const ContrastScores& scores, std::int64_t K, Polarity polarity);

struct ContrastSpec {
  std::string experiment;        ///< whose derived rows are written
  std::string trace_experiment;  ///< whose traces are read
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::int64_t K = 50;
  Polarity polarity = Polarity::require_flip;
};

/// Writes contrast_score (every neuron) and critical_set (the best K, source 'contrast') of an experiment from its
/// trace experiment, for each model and task and for the pool of the tasks.
///
/// Reads activation means trace pair by trace pair; replaces what the experiment had.
///   returns  one line for each model and task without a usable pair, saying what to do; these lines are logged too
///   throws   Error{input} when no model and task has a pair; Error{store} for means of another size than the model
std::vector<std::string> reduce_contrast(Database& db, const ContrastSpec& spec);

}  // namespace neurosweep
