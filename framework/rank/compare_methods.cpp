#include "framework/rank/compare_methods.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/rank/contrast_stability.hpp"
#include "framework/rank/exact_effects.hpp"

namespace neurosweep {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// What a method says of a model and task.
struct Finding {
  const ComparedMethod* method;
  std::string source;
  std::set<NeuronId> selected;
  std::optional<std::vector<double>> importance;
};

/// The truth of a model and task.
struct Truth {
  std::optional<ExactEffects> effects;  ///< of a sweep
  std::vector<NeuronId> top;            ///< most harmful first; of a race, its top
};

std::optional<double> correlation(const std::optional<std::vector<double>>& a,
                                  const std::optional<std::vector<double>>& b) {
  if (!a || !b) return std::nullopt;
  return spearman(*a, *b);
}

class Comparison {
 public:
  Comparison(const Database& db, const CompareSpec& spec, const ModelRow& model) : db_(db), spec_(spec), model_(model) {
    for (const ComparedMethod& method : spec.methods) {
      sets_.emplace_back();
      for (CriticalSet& set : read_critical_sets(db, method.experiment)) {
        if (set.model == model.name) sets_.back().push_back(std::move(set));
      }
      if (sets_.back().empty()) {
        log_warning("{}: '{}' selected no neuron of model '{}': it is left out there", spec.experiment,
                    method.experiment, model.name);
      }
    }
  }

  void add_task(const std::string& task) {
    const auto findings = find(task);
    if (findings.empty()) return;
    add_overlaps(task, findings);
    const Truth truth = read_truth(task);
    for (const Finding& finding : findings) quality.push_back(quality_of(task, finding, truth));
  }

  std::vector<MethodOverlapRow> overlaps;
  std::vector<MethodQualityRow> quality;

 private:
  std::vector<Finding> find(const std::string& task) const {
    std::vector<Finding> findings;
    for (std::size_t m = 0; m < sets_.size(); ++m) {
      for (const CriticalSet& set : sets_[m]) {
        if (set.task != task) continue;
        Finding& finding = findings.emplace_back(Finding{&spec_.methods[m], set.source, {}, {}});
        for (const CriticalNeuron& neuron : set.neurons) {
          if (static_cast<std::int64_t>(finding.selected.size()) < spec_.top) finding.selected.insert(neuron.id);
        }
        finding.importance = read_importance(db_, finding.method->experiment, spec_.metric, model_, task);
      }
    }
    return findings;
  }

  void add_overlaps(const std::string& task, const std::vector<Finding>& findings) {
    for (std::size_t a = 0; a < findings.size(); ++a) {
      for (std::size_t b = a + 1; b < findings.size(); ++b) {
        const Finding &one = findings[a], &other = findings[b];
        MethodOverlapRow row;
        row.experiment = spec_.experiment;
        row.model = model_.name;
        row.task = task;
        row.method_a = one.method->experiment;
        row.method_b = other.method->experiment;
        row.n_a = static_cast<std::int64_t>(one.selected.size());
        row.n_b = static_cast<std::int64_t>(other.selected.size());
        row.shared = std::ranges::count_if(one.selected, [&](NeuronId id) { return other.selected.contains(id); });
        row.jaccard = jaccard(one.selected, other.selected);
        row.rank_correlation = correlation(one.importance, other.importance);
        overlaps.push_back(std::move(row));
      }
    }
  }

  Truth read_truth(const std::string& task) const {
    Truth truth;
    if (spec_.truth.empty()) return truth;
    if (!spec_.truth_is_race) {
      truth.effects = read_exact_effects(db_, spec_.truth, spec_.metric, model_, task);
      if (truth.effects) truth.top = most_harmful(*truth.effects, spec_.top);
    } else if (task == kAllTasks) {
      for (const RaceNeuronRow& row :
           db_.select<RaceNeuronRow>("WHERE experiment = ? AND model = ? AND rank_no IS NOT NULL ORDER BY rank_no",
                                     {spec_.truth, model_.name})) {
        truth.top.push_back({static_cast<LayerIndex>(row.layer), static_cast<NeuronIndex>(row.neuron)});
      }
    }
    return truth;
  }

  MethodQualityRow quality_of(const std::string& task, const Finding& finding, const Truth& truth) const {
    MethodQualityRow row;
    row.experiment = spec_.experiment;
    row.model = model_.name;
    row.task = task;
    row.method = finding.method->experiment;
    row.source = finding.source;
    row.n_neurons = static_cast<std::int64_t>(finding.selected.size());
    const auto seed = derive_seed(spec_.seed, fmt::format("{}|{}|{}", finding.method->experiment, model_.name, task));
    add_recall(row, finding, truth);
    if (truth.effects) add_harm(row, finding, *truth.effects, seed);
    if (!finding.method->contrast) return row;
    ContrastSpec contrast = *finding.method->contrast;
    contrast.K = std::min(contrast.K, spec_.top);
    if (const auto stability = contrast_stability(db_, contrast, model_, task, spec_.resamples, seed)) {
      row.stability = stability->mean;
      row.stability_low = stability->middle.low;
      row.stability_high = stability->middle.high;
      row.n_resamples = stability->resamples;
    }
    return row;
  }

  void add_recall(MethodQualityRow& row, const Finding& finding, const Truth& truth) const {
    if (truth.top.empty()) return;
    row.truth = spec_.truth;
    const auto wanted = std::min(truth.top.size(), finding.selected.size());
    const auto found = std::count_if(truth.top.begin(), truth.top.begin() + static_cast<std::ptrdiff_t>(wanted),
                                     [&](NeuronId id) { return finding.selected.contains(id); });
    row.recall = static_cast<double>(found) / static_cast<double>(wanted);
  }

  static void add_harm(MethodQualityRow& row, const Finding& finding, const ExactEffects& effects, std::uint64_t seed) {
    const SetHarm harm = set_harm(effects, finding.selected, seed);
    row.n_items = harm.effect.n;
    row.mean_effect = harm.effect.mean;
    row.random_effect = harm.random_effect;
    row.difference = harm.effect.mean - harm.random_effect;
    row.p = harm.p;
    if (harm.interval) {
      row.ci_low = harm.interval->low;
      row.ci_high = harm.interval->high;
      row.difference_low = harm.difference->low;
      row.difference_high = harm.difference->high;
    }
    if (!finding.importance) return;
    std::vector<double> harms = effects.means();
    for (double& each : harms) each = -each;
    row.rank_correlation = spearman(*finding.importance, harms);
  }

  const Database& db_;
  const CompareSpec& spec_;
  const ModelRow& model_;
  std::vector<std::vector<CriticalSet>> sets_;  ///< by method
};

}  // namespace

std::optional<std::vector<double>> read_importance(const Database& db, const std::string& experiment,
                                                   const std::string& metric, const ModelRow& model,
                                                   const std::string& task) {
  const std::int64_t M = model.n_neurons_per_layer;
  std::vector<double> importance(static_cast<std::size_t>(model.n_layers * M), kUnknown);
  const auto set = [&](std::int64_t layer, std::int64_t neuron, double value) {
    importance.at(static_cast<std::size_t>(layer * M + neuron)) = value;
  };
  const char* place = "WHERE experiment = ? AND model = ? AND task = ?";
  db.for_each<ContrastScoreRow>(place, {experiment, model.name, task},
                                [&](const ContrastScoreRow& row) { set(row.layer, row.neuron, std::abs(row.score)); });
  db.for_each<NeuronScoreRow>(place, {experiment, model.name, task},
                              [&](const NeuronScoreRow& row) { set(row.layer, row.neuron, row.score); });
  db.for_each<NeuronEffectRow>(fmt::format("{} AND metric = ? AND role = 'candidate'", place),
                               {experiment, model.name, task, metric},
                               [&](const NeuronEffectRow& row) { set(row.layer, row.neuron, -row.mean); });
  if (std::ranges::any_of(importance, [](double value) { return std::isnan(value); })) return std::nullopt;
  return importance;
}

void compare_methods(Database& db, const CompareSpec& spec) {
  std::vector<MethodOverlapRow> overlaps;
  std::vector<MethodQualityRow> quality;
  for (const std::string& name : spec.models) {
    const ModelRow model = read_model(db, name);
    Comparison comparison(db, spec, model);
    for (const std::string& task : spec.tasks) comparison.add_task(task);
    comparison.add_task(kAllTasks);
    std::ranges::move(comparison.overlaps, std::back_inserter(overlaps));
    std::ranges::move(comparison.quality, std::back_inserter(quality));
  }
  if (quality.empty()) {
    throw input_error("comparison '{}': none of its methods selected a neuron for the models and tasks it names",
                      spec.experiment);
  }
  replace_derived(db, spec.experiment, overlaps);
  replace_derived(db, spec.experiment, quality);
}

}  // namespace neurosweep
