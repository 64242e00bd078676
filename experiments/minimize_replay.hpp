#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/catalog.hpp"
#include "experiments/minimize.hpp"
#include "framework/base/ids.hpp"
#include "framework/rank/set_search.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

/// A task item, by task and id.
using ItemKey = std::pair<std::string, std::string>;

using NeuronSet = std::vector<NeuronId>;

/// The search in one critical set.
struct SetRun {
  std::string model;
  std::string task;               ///< or kAllTasks
  std::vector<NeuronId> ranked;   ///< the critical set, most critical first; candidate i of the search is ranked[i]
  std::vector<ItemKey> items;     ///< searched on
  std::vector<ItemKey> held_out;  ///< proved on
  SetSearch search;
  std::string problem;                     ///< why there is no result; empty: none known
  std::vector<std::vector<double>> proof;  ///< [set of proof_sets()][held-out item]
};

/// The sets of one run in one round; their numbers in the round start at `first`.
struct SetBatch {
  std::size_t run = 0;
  std::int64_t first = 0;
  std::vector<NeuronSet> sets;
  const std::vector<ItemKey>* items = nullptr;  ///< each set is measured on each
};

/// Where each kind of set stands among those of a proof.
struct ProofLayout {
  static constexpr std::size_t kFull = 0, kMinimal = 1, kFirstRandom = 2;
  std::size_t random_sets = 0;
  std::size_t pair_neurons = 0;

  std::size_t single(std::size_t i) const { return kFirstRandom + random_sets + i; }
  /// i < j < pair_neurons
  std::size_t pair(std::size_t i, std::size_t j) const {
    return single(pair_neurons) + i * (2 * pair_neurons - i - 1) / 2 + (j - i - 1);
  }
};

/// Walks through the rounds of a minimize experiment with the results that are stored: the searches of all models and
/// tasks side by side, a round each, then one round that proves all.
class MinimizeReplay {
 public:
  MinimizeReplay(const MinimizeSpec& keys, const Catalog& catalog, const Database& db);
  MinimizeReplay(const MinimizeReplay&) = delete;
  MinimizeReplay& operator=(const MinimizeReplay&) = delete;

  /// Takes the stored results of the first `rounds` rounds.
  ///   returns  one line for each run that failed in the last of them
  std::vector<std::string> take_rounds(std::int64_t rounds);

  /// What the next round measures; nothing when all is done.
  std::vector<SetBatch> next() const;

  const std::vector<SetRun>& runs() const { return runs_; }
  ProofLayout layout(const SetRun& run) const;

 private:
  void add_run(const std::string& model, const std::string& task);
  std::vector<ItemKey> chosen(const std::string& task, const std::string& split, std::int64_t items) const;
  std::vector<NeuronSet> search_sets(const SetRun& run) const;
  std::vector<NeuronSet> proof_sets(const SetRun& run) const;
  std::vector<std::string> take(const std::vector<SetBatch>& batches, std::int64_t round_no);

  const MinimizeSpec& keys_;
  const Catalog& catalog_;
  const Database& db_;
  std::vector<SetRun> runs_;
  bool proved_ = false;
};

/// The neurons of the minimal set of a finished run, by layer.
NeuronSet minimal_neurons(const SetRun& run);

}  // namespace neurosweep
