#include "experiments/minimize_replay.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/matched_sets.hpp"
#include "framework/rank/stats.hpp"

namespace neurosweep {

namespace {

/// The best `top` neurons of a stored critical set, most critical first; none when it is not stored.
std::vector<NeuronId> ranked_neurons(const Database& db, const std::string& experiment, const std::string& model,
                                     const std::string& task, std::int64_t top) {
  std::vector<NeuronId> ranked;
  for (const CriticalSet& set : read_critical_sets(db, experiment)) {
    if (set.model != model || set.task != task) continue;
    for (const CriticalNeuron& neuron : set.neurons) {
      if (static_cast<std::int64_t>(ranked.size()) < top) ranked.push_back(neuron.id);
    }
  }
  return ranked;
}

/// Effects of the sets of a round, by set number and item.
using RoundEffects = std::map<std::pair<std::int64_t, ItemKey>, double>;

RoundEffects read_effects(const Database& db, const MinimizeSpec& keys, std::int64_t round_no) {
  RoundEffects effects;
  for (const RoundRow& round : db.select<RoundRow>("WHERE experiment = ? AND round_no = ?", {keys.name, round_no})) {
    for_each_effect_block(db, round.round_id, [&](const EffectBlockRow& block) {
      if (block.metric != keys.metric) return;
      for (std::int64_t k = 0; k < block.n; ++k) {
        effects[{block.first_arm + k, {block.task, block.item}}] = block.effects[static_cast<std::size_t>(k)];
      }
    });
  }
  return effects;
}

/// [set][item] of a batch, NaN where it was not measured.
std::vector<std::vector<double>> effects_of(const SetBatch& batch, const RoundEffects& effects) {
  std::vector<std::vector<double>> rows;
  for (std::size_t i = 0; i < batch.sets.size(); ++i) {
    std::vector<double>& row = rows.emplace_back();
    for (const ItemKey& item : *batch.items) {
      const auto found = effects.find({batch.first + static_cast<std::int64_t>(i), item});
      row.push_back(found == effects.end() ? std::numeric_limits<double>::quiet_NaN() : found->second);
    }
  }
  return rows;
}

std::int64_t count_missing(const std::vector<std::vector<double>>& rows) {
  std::int64_t missing = 0;
  for (const auto& row : rows) missing += std::count_if(row.begin(), row.end(), [](double x) { return std::isnan(x); });
  return missing;
}

}  // namespace

MinimizeReplay::MinimizeReplay(const MinimizeSpec& keys, const Catalog& catalog, const Database& db)
    : keys_(keys), catalog_(catalog), db_(db) {
  for (const auto& model : keys.selection.models) {
    if (keys.pooled) {
      add_run(model, kAllTasks);
    } else {
      for (const auto& task : keys.selection.tasks) add_run(model, task);
    }
  }
}

void MinimizeReplay::add_run(const std::string& model, const std::string& task) {
  const auto ranked = ranked_neurons(db_, keys_.from, model, task, keys_.top);
  SetRun run{model, task, ranked, {}, {}, SetSearch(std::max<std::int64_t>(1, std::ssize(ranked)), keys_.share),
             {},    {}};
  if (ranked.empty())
    run.problem = fmt::format("'{}' found no critical neuron there: nothing to make smaller", keys_.from);
  run.items = chosen(task, keys_.selection.split, keys_.selection.items);
  run.held_out = chosen(task, keys_.proof_split, keys_.proof_items);
  runs_.push_back(std::move(run));
}

std::vector<ItemKey> MinimizeReplay::chosen(const std::string& task, const std::string& split,
                                            std::int64_t items) const {
  Selection selection = keys_.selection;
  selection.split = split;
  selection.items = items;
  std::vector<ItemKey> keys;
  for (const auto& name : selection.tasks) {
    if (task != kAllTasks && task != name) continue;
    for (const TaskItem& item : selection.chosen(catalog_, name)) keys.emplace_back(name, item.id);
  }
  return keys;
}

std::vector<std::string> MinimizeReplay::take_rounds(std::int64_t rounds) {
  std::vector<std::string> problems;
  for (const SetRun& run : runs_) {
    if (rounds == 0 && !run.problem.empty()) {
      problems.push_back(fmt::format("{}: model '{}', task '{}': {}", keys_.name, run.model, run.task, run.problem));
    }
  }
  for (std::int64_t round_no = 0; round_no < rounds; ++round_no) problems = take(next(), round_no);
  return problems;
}

std::vector<SetBatch> MinimizeReplay::next() const {
  std::vector<SetBatch> batches;
  std::int64_t first = 0;
  const auto add = [&](std::size_t run, std::vector<NeuronSet> sets, const std::vector<ItemKey>& items) {
    if (sets.empty()) return;
    const std::int64_t count = std::ssize(sets);
    batches.push_back({run, first, std::move(sets), &items});
    first += count;
  };
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i].problem.empty()) add(i, search_sets(runs_[i]), runs_[i].items);
  }
  if (!batches.empty() || proved_) return batches;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i].problem.empty()) add(i, proof_sets(runs_[i]), runs_[i].held_out);
  }
  return batches;
}

std::vector<std::string> MinimizeReplay::take(const std::vector<SetBatch>& batches, std::int64_t round_no) {
  std::vector<std::string> problems;
  const RoundEffects stored = read_effects(db_, keys_, round_no);
  const bool searching = std::any_of(runs_.begin(), runs_.end(), [](const SetRun& run) {
    return run.problem.empty() && !run.search.wanted().empty();
  });
  for (const SetBatch& batch : batches) {
    SetRun& run = runs_[batch.run];
    auto effects = effects_of(batch, stored);
    try {
      if (const std::int64_t missing = count_missing(effects); missing > 0) {
        throw input_error("{} of {} effects of round {} are missing (units failed): see the query failures", missing,
                          std::ssize(batch.sets) * std::ssize(*batch.items), round_no);
      }
      std::vector<double> means;
      for (const auto& row : effects) means.push_back(moments_of(row).mean);
      if (searching) {
        run.search.tell(means);
      } else {
        run.proof = std::move(effects);
      }
    } catch (const Error& failure) {
      run.problem = failure.what();
      problems.push_back(fmt::format("{}: model '{}', task '{}': {}", keys_.name, run.model, run.task, run.problem));
    }
  }
  if (!searching) proved_ = true;
  return problems;
}

std::vector<NeuronSet> MinimizeReplay::search_sets(const SetRun& run) const {
  std::vector<NeuronSet> sets;
  for (const NumberSet& wanted : run.search.wanted()) {
    NeuronSet& set = sets.emplace_back();
    for (const std::int32_t number : wanted) set.push_back(run.ranked[static_cast<std::size_t>(number)]);
  }
  return sets;
}

ProofLayout MinimizeReplay::layout(const SetRun& run) const {
  return {static_cast<std::size_t>(keys_.random_sets),
          std::min(run.ranked.size(), static_cast<std::size_t>(keys_.pairs))};
}

std::vector<NeuronSet> MinimizeReplay::proof_sets(const SetRun& run) const {
  const NeuronSet minimal = minimal_neurons(run);
  const auto seed = content_seed(catalog_.study(), fmt::format("{}|{}|{}", keys_.name, run.model, run.task));
  std::vector<NeuronSet> sets = {run.ranked, minimal};
  for (auto& random : make_matched_sets(minimal, catalog_.model(run.model).arch.M, keys_.random_sets,
                                        static_cast<std::uint64_t>(seed), run.ranked)) {
    sets.push_back(std::move(random));
  }
  const std::size_t n = layout(run).pair_neurons;
  for (std::size_t i = 0; i < n; ++i) sets.push_back({run.ranked[i]});
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) sets.push_back({run.ranked[i], run.ranked[j]});
  }
  return sets;
}

NeuronSet minimal_neurons(const SetRun& run) {
  NeuronSet neurons;
  for (const GrownMember& member : run.search.result().members) {
    if (member.kept) neurons.push_back(run.ranked[static_cast<std::size_t>(member.number)]);
  }
  std::sort(neurons.begin(), neurons.end());
  return neurons;
}

}  // namespace neurosweep
