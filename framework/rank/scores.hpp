#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "framework/rank/critical_set.hpp"
#include "framework/rank/directions.hpp"
#include "framework/rank/trace_reader.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// Which neurons contrast ranking may select.
enum class Polarity {
  require_flip,  ///< only those whose mean activation changes sign between correct and incorrect traces, eq. (2)
  any,
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

/// Contrasts of the models and tasks of `spec` that have a trace pair, each given to `visit` as soon as it is folded:
/// a model's tasks, then the pool of its tasks (kAllTasks). Reads activation means trace pair by trace pair.
///   returns  one line for each model and task without a usable pair, saying what to do; these lines are logged too
///   throws   Error{input} when no model and task has a pair; Error{store} for means of another size than the model
std::vector<std::string> for_each_contrast(
    const Database& db, const ContrastSpec& spec,
    const std::function<void(const ModelRow&, const std::string& task, const ContrastScores&)>& visit);

/// The best K neurons of a contrast, each with S of eq. (1) as its score and as the activation to add.
NeuronDirection contrast_direction(const ContrastSpec& spec, const ModelRow& model, const std::string& task,
                                   const ContrastScores& scores);

/// Writes contrast_score (every neuron), critical_set (the best K) and direction (S on them), source 'contrast', for
/// each model and task and for the pool of the tasks; replaces what the experiment had.
/// Warns where the polarity filter leaves fewer than K neurons, with their number.
///   returns, throws  as for_each_contrast()
std::vector<std::string> reduce_contrast(Database& db, const ContrastSpec& spec);

/// Random neurons in the place of the contrast's: as many in every layer, none of its own, each with the magnitude of
/// one of the contrast's neurons of that layer and a random sign; so the norm is the same, layer by layer.
///   seed  a draw; it and the number of the draw fix everything
NeuronDirection random_direction(const NeuronDirection& contrast, std::int64_t M, std::uint64_t seed);

/// Writes neuron_score (every neuron) and critical_set (the K most harmful to suppress), source 'attribution', from the
/// first-order estimates of a race's screen (spec.trace_experiment), for each model and task and for the pool of tasks.
///   throws  Error{input} when the race left no screen of the models and tasks
void reduce_attribution(Database& db, const ContrastSpec& spec);

/// Writes critical_set and direction, source 'random', matched to what reduce_contrast() would write.
///   returns, throws  as for_each_contrast()
std::vector<std::string> reduce_random(Database& db, const ContrastSpec& spec, std::uint64_t seed);

}  // namespace neurosweep
