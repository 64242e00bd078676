#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "framework/base/error.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/effect_fold.hpp"
#include "framework/rank/neuron_effects.hpp"
#include "framework/rank/resampling.hpp"

namespace neurosweep {
namespace {

using TaskTables = std::map<std::string, EffectTable>;

NeuronEffectRow make_row(const ArmKey& key, std::span<const double> effects) {
  const Moments moments = moments_of(effects);
  NeuronEffectRow row;
  row.layer = to_int(key.id.layer);
  row.neuron = to_int(key.id.neuron);
  row.op = key.op;
  row.role = key.role;
  row.n = moments.n;
  row.mean = moments.mean;
  if (moments.n < 2) return row;
  const Interval interval = t_interval(moments, 0.95);
  row.sd = moments.sd();
  row.ci_low = interval.low;
  row.ci_high = interval.high;
  row.p = wilcoxon_signed_rank(effects, Tail::two_sided).p;
  return row;
}

/// Arms with an effect in the pool of `tables`, in arm order, before the verdicts.
std::vector<NeuronEffectRow> fold_arms(const std::map<ArmKey, std::size_t>& arms,
                                       const std::vector<const EffectTable*>& tables) {
  std::vector<NeuronEffectRow> rows;
  for (const auto& [key, number] : arms) {
    std::vector<double> effects;
    for (const EffectTable* table : tables) {
      for (const double effect : table->of_arm(number)) effects.push_back(effect);
    }
    if (!effects.empty()) rows.push_back(make_row(key, effects));
  }
  return rows;
}

/// Fills q and the verdict of the candidates: one family an op.
///   returns  ops without a random control, whose candidates cannot be called critical
std::vector<std::string> judge_arms(std::vector<NeuronEffectRow>& arms, const RankSpec& spec) {
  std::map<std::string, std::vector<NeuronEffectRow*>> by_op;
  for (NeuronEffectRow& arm : arms) by_op[arm.op].push_back(&arm);
  std::vector<EffectFamily> families;
  std::vector<NeuronEffectRow*> candidates;
  std::vector<std::string> uncontrolled;
  for (const auto& [op, members] : by_op) {
    EffectFamily& family = families.emplace_back();
    for (NeuronEffectRow* arm : members) {
      if (arm->role == "control") {
        family.control_means.push_back(arm->mean);
      } else {
        family.candidates.push_back({arm->mean, arm->p});
        candidates.push_back(arm);
      }
    }
    if (family.control_means.empty()) uncontrolled.push_back(op);
  }
  std::size_t next = 0;
  for (const std::vector<CandidateVerdict>& verdicts : judge_candidates(families, spec)) {
    for (const CandidateVerdict& verdict : verdicts) {
      NeuronEffectRow& row = *candidates[next++];
      row.q = verdict.q;
      row.critical = verdict.critical ? 1 : 0;
    }
  }
  return uncontrolled;
}

/// Numbers the candidates from 1, the most negative mean first; ties by layer, neuron and op.
std::vector<const NeuronEffectRow*> rank_arms(std::vector<NeuronEffectRow>& arms) {
  std::vector<NeuronEffectRow*> candidates;
  for (NeuronEffectRow& arm : arms) {
    if (arm.role == "candidate") candidates.push_back(&arm);
  }
  std::ranges::sort(candidates, {},
                    [](const NeuronEffectRow* row) { return std::tie(row->mean, row->layer, row->neuron, row->op); });
  for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i]->rank_no = static_cast<std::int64_t>(i) + 1;
  return {candidates.begin(), candidates.end()};
}

/// The critical neurons of one model and task as a set, each once, by its most harmful op.
CriticalSet make_set(const RankSpec& spec, const std::string& model, const std::string& task,
                     const std::vector<const NeuronEffectRow*>& ranked) {
  CriticalSet set{spec.experiment, "sweep", model, task, {}};
  std::set<std::pair<std::int64_t, std::int64_t>> known;
  for (const NeuronEffectRow* row : ranked) {
    if (row->critical == 0 || static_cast<std::int64_t>(set.neurons.size()) >= spec.top) continue;
    if (!known.emplace(row->layer, row->neuron).second) continue;
    const NeuronId id{static_cast<LayerIndex>(row->layer), static_cast<NeuronIndex>(row->neuron)};
    set.neurons.push_back({id, row->mean, row->q.value_or(1)});
  }
  return set;
}

/// Gathers what rank_neurons() writes.
class NeuronRanker {
 public:
  NeuronRanker(const RankSpec& spec, const EffectFold& fold) : spec_(spec), fold_(fold) {}

  void add_metric(const std::string& model, const std::string& metric, const TaskTables& tasks) {
    std::vector<const EffectTable*> pool;
    for (const auto& [task, table] : tasks) {
      pool.push_back(&table);
      add_task(model, task, metric, {&table});
    }
    add_task(model, kAllTasks, metric, pool);
  }

  std::vector<CriticalSet> write(Database& db) const {
    std::vector<NeuronClassRow> classes;
    for (const auto& [key, tasks] : tasks_critical_) {
      const auto& [model, layer, neuron] = key;
      const std::int64_t count = static_cast<std::int64_t>(tasks.size());
      classes.push_back({spec_.experiment, model, layer, neuron, count, fmt::format("{}", fmt::join(tasks, ",")),
                         class_of_neuron(count, spec_.general_tasks)});
    }
    std::vector<CriticalSetRow> members;
    for (const CriticalSet& set : sets_) {
      std::int64_t rank_no = 0;
      for (const CriticalNeuron& neuron : set.neurons) {
        members.push_back({spec_.experiment, set.model, set.task, ++rank_no, to_int(neuron.id.layer),
                           to_int(neuron.id.neuron), neuron.effect, set.source});
      }
    }
    replace_derived(db, spec_.experiment, rows_);
    replace_derived(db, spec_.experiment, classes);
    replace_derived(db, spec_.experiment, members);
    return sets_;
  }

 private:
  void add_task(const std::string& model, const std::string& task, const std::string& metric,
                const std::vector<const EffectTable*>& tables) {
    std::vector<NeuronEffectRow> arms = fold_arms(fold_.arms.at(model), tables);
    for (const std::string& op : judge_arms(arms, spec_)) {
      log_warning("rank '{}': model '{}' task '{}' op '{}' has no random controls: none of its neurons is critical",
                  spec_.experiment, model, task, op);
    }
    const std::vector<const NeuronEffectRow*> ranked = rank_arms(arms);
    if (metric == spec_.metric) {
      CriticalSet set = make_set(spec_, model, task, ranked);
      if (!set.neurons.empty()) sets_.push_back(std::move(set));
      if (task != kAllTasks) note_classes(model, task, ranked);
    }
    for (NeuronEffectRow& arm : arms) {
      arm.experiment = spec_.experiment;
      arm.model = model;
      arm.task = task;
      arm.metric = metric;
      rows_.push_back(std::move(arm));
    }
  }

  void note_classes(const std::string& model, const std::string& task,
                    const std::vector<const NeuronEffectRow*>& ranked) {
    for (const NeuronEffectRow* row : ranked) {
      std::set<std::string>& tasks = tasks_critical_[{model, row->layer, row->neuron}];
      if (row->critical != 0) tasks.insert(task);
    }
  }

  const RankSpec& spec_;
  const EffectFold& fold_;
  std::vector<NeuronEffectRow> rows_;
  std::map<std::tuple<std::string, std::int64_t, std::int64_t>, std::set<std::string>> tasks_critical_;
  std::vector<CriticalSet> sets_;
};

void require_metric(const EffectFold& fold, const RankSpec& spec) {
  std::set<std::string> metrics;
  for (const auto& [key, tasks] : fold.tables) metrics.insert(key.second);
  if (metrics.contains(spec.metric)) return;
  throw input_error("rank '{}': no effects under metric '{}' (measured: {}): set metric to one of them",
                    spec.experiment, spec.metric, fmt::join(metrics, ", "));
}

}  // namespace

std::vector<CriticalSet> rank_neurons(Database& db, const RankSpec& spec) {
  const EffectFold fold = fold_effects(db, spec.experiment);
  require_metric(fold, spec);
  if (fold.nonfinite > 0) {
    log_warning("rank '{}': {} effects are NaN or infinite and are left out of the means", spec.experiment,
                fold.nonfinite);
  }
  NeuronRanker ranker(spec, fold);
  for (const auto& [key, tasks] : fold.tables) ranker.add_metric(key.first, key.second, tasks);
  return ranker.write(db);
}

}  // namespace neurosweep
