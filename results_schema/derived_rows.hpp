#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace neurosweep {

/// Contrast of a neuron between correct and incorrect traces, paired by item.
struct ContrastScoreRow {
  static constexpr std::string_view kTable = "contrast_score";
  static constexpr std::string_view kKey = "experiment, model, task, layer, neuron";

  std::string experiment;
  std::string model;
  std::string task;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::int64_t n_pairs = 0;
  double score = 0.0;
  double mean_correct = 0.0;
  double mean_incorrect = 0.0;
  std::int64_t sign_flip = 0;  ///< 0 or 1
  std::optional<std::int64_t> rank_no;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("n_pairs", row.n_pairs);
    visit("score", row.score);
    visit("mean_correct", row.mean_correct);
    visit("mean_incorrect", row.mean_incorrect);
    visit("sign_flip", row.sign_flip);
    visit("rank_no", row.rank_no);
  }
};

/// Causal effect of one neuron, folded over items.
struct NeuronEffectRow {
  static constexpr std::string_view kTable = "neuron_effect";
  static constexpr std::string_view kKey = "experiment, model, task, metric, layer, neuron, op, role";

  std::string experiment;
  std::string model;
  std::string task;
  std::string metric;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::string op;
  std::string role;  ///< 'candidate' or 'control'
  std::int64_t n = 0;
  double mean = 0.0;
  std::optional<double> sd;  ///< none when n < 2
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  std::optional<double> p;
  std::optional<double> q;  ///< Benjamini-Hochberg
  std::optional<std::int64_t> rank_no;
  std::int64_t critical = 0;  ///< 0 or 1

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("metric", row.metric);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("op", row.op);
    visit("role", row.role);
    visit("n", row.n);
    visit("mean", row.mean);
    visit("sd", row.sd);
    visit("ci_low", row.ci_low);
    visit("ci_high", row.ci_high);
    visit("p", row.p);
    visit("q", row.q);
    visit("rank_no", row.rank_no);
    visit("critical", row.critical);
  }
};

/// Whether a neuron is critical over many tasks or for some only.
struct NeuronClassRow {
  static constexpr std::string_view kTable = "neuron_class";
  static constexpr std::string_view kKey = "experiment, model, layer, neuron";

  std::string experiment;
  std::string model;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::int64_t n_tasks_critical = 0;
  std::string tasks;       ///< comma-separated, sorted
  std::string class_name;  ///< 'general', 'specific' or 'none'

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("n_tasks_critical", row.n_tasks_critical);
    visit("tasks", row.tasks);
    visit("class", row.class_name);
  }
};

/// A member of a ranked critical-neuron set.
struct CriticalSetRow {
  static constexpr std::string_view kTable = "critical_set";
  static constexpr std::string_view kKey = "experiment, model, task, rank_no";

  std::string experiment;
  std::string model;
  std::string task;          ///< '*' is over all tasks
  std::int64_t rank_no = 0;  ///< 1 is the most critical
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  double score = 0.0;
  std::string source;  ///< table and measure the score comes from

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("rank_no", row.rank_no);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("score", row.score);
    visit("source", row.source);
  }
};

/// What suppressing a whole set does to a task.
struct SetEffectRow {
  static constexpr std::string_view kTable = "set_effect";
  static constexpr std::string_view kKey = "experiment, model, task, set_name";

  std::string experiment;
  std::string model;
  std::string task;
  std::string set_name;
  std::int64_t n = 0;  ///< items
  double accuracy = 0.0;
  double accuracy_low = 0.0;
  double accuracy_high = 0.0;
  double baseline_accuracy = 0.0;
  double accuracy_change = 0.0;  ///< accuracy minus baseline_accuracy
  std::optional<double> mcnemar_p;
  std::optional<double> logprob_change;  ///< mean over items, natural log
  std::optional<double> logprob_low;
  std::optional<double> logprob_high;
  std::optional<double> wilcoxon_p;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("set_name", row.set_name);
    visit("n", row.n);
    visit("accuracy", row.accuracy);
    visit("accuracy_low", row.accuracy_low);
    visit("accuracy_high", row.accuracy_high);
    visit("baseline_accuracy", row.baseline_accuracy);
    visit("accuracy_change", row.accuracy_change);
    visit("mcnemar_p", row.mcnemar_p);
    visit("logprob_change", row.logprob_change);
    visit("logprob_low", row.logprob_low);
    visit("logprob_high", row.logprob_high);
    visit("wilcoxon_p", row.wilcoxon_p);
  }
};

/// The critical set against matched random sets, paired by item.
struct SetContrastRow {
  static constexpr std::string_view kTable = "set_contrast";
  static constexpr std::string_view kKey = "experiment, model, task";

  std::string experiment;
  std::string model;
  std::string task;
  std::int64_t n = 0;  ///< items
  double critical_accuracy = 0.0;
  double random_accuracy = 0.0;  ///< mean over the random sets
  double difference = 0.0;       ///< critical minus random
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  std::optional<double> p;
  std::int64_t n_random_sets = 0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("n", row.n);
    visit("critical_accuracy", row.critical_accuracy);
    visit("random_accuracy", row.random_accuracy);
    visit("difference", row.difference);
    visit("ci_low", row.ci_low);
    visit("ci_high", row.ci_high);
    visit("p", row.p);
    visit("n_random_sets", row.n_random_sets);
  }
};

/// What a race found about one neuron that was measured in it.
struct RaceNeuronRow {
  static constexpr std::string_view kTable = "race_neuron";
  static constexpr std::string_view kKey = "experiment, model, layer, neuron";

  std::string experiment;
  std::string model;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  std::string role;                     ///< 'candidate', 'control' or 'rest'
  std::string state;                    ///< 'in' or 'out' of the top at the race's error rate, or 'open'
  std::optional<std::int64_t> rank_no;  ///< within the top that is given
  std::int64_t n = 0;                   ///< items measured
  double screen = 0.0;                  ///< mean of the first-order effects over all items
  double estimate = 0.0;                ///< mean effect over all items
  double ci_low = 0.0;                  ///< simultaneous over the neurons
  double ci_high = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("role", row.role);
    visit("state", row.state);
    visit("rank_no", row.rank_no);
    visit("n", row.n);
    visit("screen", row.screen);
    visit("estimate", row.estimate);
    visit("ci_low", row.ci_low);
    visit("ci_high", row.ci_high);
  }
};

/// How a race for the top neurons of a model ended.
struct RaceResultRow {
  static constexpr std::string_view kTable = "race_result";
  static constexpr std::string_view kKey = "experiment, model";

  std::string experiment;
  std::string model;
  std::string metric;
  std::int64_t top = 0;  ///< neurons asked for
  double error = 0.0;    ///< rate at which a decision may be wrong, over the whole race
  std::int64_t n_neurons = 0;
  std::int64_t n_items = 0;
  std::int64_t rounds = 0;  ///< of exact interventions
  std::int64_t n_in = 0;    ///< decided to be in the top
  std::int64_t n_open = 0;  ///< undecided at the end
  double recall = 0.0;      ///< estimated share of the true top that is in the given one
  double recall_low = 0.0;
  double recall_high = 0.0;
  std::int64_t n_effects = 0;        ///< (neuron, item) pairs measured exactly
  double screen_forwards = 0.0;      ///< forwards that the arithmetic of the screen equals
  double exact_forwards = 0.0;       ///< the same of the exact interventions, suffix only
  double brute_forwards = 0.0;       ///< the same of every neuron on every item, suffix only
  double documented_forwards = 0.0;  ///< one whole forward for every neuron and item

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("metric", row.metric);
    visit("top", row.top);
    visit("error", row.error);
    visit("n_neurons", row.n_neurons);
    visit("n_items", row.n_items);
    visit("rounds", row.rounds);
    visit("n_in", row.n_in);
    visit("n_open", row.n_open);
    visit("recall", row.recall);
    visit("recall_low", row.recall_low);
    visit("recall_high", row.recall_high);
    visit("n_effects", row.n_effects);
    visit("screen_forwards", row.screen_forwards);
    visit("exact_forwards", row.exact_forwards);
    visit("brute_forwards", row.brute_forwards);
    visit("documented_forwards", row.documented_forwards);
  }
};

/// The tables that reducers rebuild from measured rows.
using DerivedTables = std::tuple<ContrastScoreRow, NeuronEffectRow, NeuronClassRow, CriticalSetRow, SetEffectRow,
                                 SetContrastRow, RaceNeuronRow, RaceResultRow>;

}  // namespace neurosweep
