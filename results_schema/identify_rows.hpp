#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace neurosweep {

/// Activation of every neuron at the last generated token that was fed back, of the trace with the same key.
struct ActivationLastRow {
  static constexpr std::string_view kTable = "activation_last";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::int64_t n = 0;              ///< values: layers times neurons per layer
  std::int64_t n_nonfinite = 0;    ///< counted by UnitRows
  std::vector<float> last_values;  ///< index layer * M + neuron

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("n", row.n);
    visit("n_nonfinite", row.n_nonfinite);
    visit("last_values", row.last_values);
  }
};

/// How the residual stream moves through the layers, mean over the generated tokens of the trace with the same key.
struct TraceGeometryRow {
  static constexpr std::string_view kTable = "trace_geometry";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::int64_t n_tokens = 0;
  double magnitude = 0.0;  ///< path length of the residual over its displacement
  double angle = 0.0;      ///< turned angle over the angle of start and end

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("n_tokens", row.n_tokens);
    visit("magnitude", row.magnitude);
    visit("angle", row.angle);
  }
};

/// How many items of a trace experiment have attempts with both outcomes.
struct TraceAgreementRow {
  static constexpr std::string_view kTable = "trace_agreement";
  static constexpr std::string_view kKey = "experiment, model, task";

  std::string experiment;
  std::string model;
  std::string task;
  std::int64_t n_items = 0;
  std::int64_t n_traces = 0;
  std::int64_t n_correct = 0;
  std::int64_t items_correct = 0;
  std::int64_t items_incorrect = 0;
  std::int64_t items_mixed = 0;
  std::optional<std::int64_t> items_complete;  ///< with the wanted number of both outcomes
  std::int64_t n_pairs = 0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("n_items", row.n_items);
    visit("n_traces", row.n_traces);
    visit("n_correct", row.n_correct);
    visit("items_correct", row.items_correct);
    visit("items_incorrect", row.items_incorrect);
    visit("items_mixed", row.items_mixed);
    visit("items_complete", row.items_complete);
    visit("n_pairs", row.n_pairs);
  }
};

/// Geometry and length of correct against incorrect traces, paired by item.
struct GeometryContrastRow {
  static constexpr std::string_view kTable = "geometry_contrast";
  static constexpr std::string_view kKey = "experiment, model, task, measure";

  std::string experiment;
  std::string model;
  std::string task;
  std::string measure;
  std::int64_t n = 0;
  double correct = 0.0;
  double incorrect = 0.0;
  double difference = 0.0;
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  std::optional<double> p;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("measure", row.measure);
    visit("n", row.n);
    visit("correct", row.correct);
    visit("incorrect", row.incorrect);
    visit("difference", row.difference);
    visit("ci_low", row.ci_low);
    visit("ci_high", row.ci_high);
    visit("p", row.p);
  }
};

/// What a method ranks every neuron of a model by; the larger, the more important.
struct NeuronScoreRow {
  static constexpr std::string_view kTable = "neuron_score";
  static constexpr std::string_view kKey = "experiment, model, task, layer, neuron";

  std::string experiment;
  std::string model;
  std::string task;
  std::int64_t layer = 0;
  std::int64_t neuron = 0;
  double score = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("layer", row.layer);
    visit("neuron", row.neuron);
    visit("score", row.score);
  }
};

/// A linear probe of success, fitted on last activations.
struct ProbeFitRow {
  static constexpr std::string_view kTable = "probe_fit";
  static constexpr std::string_view kKey = "experiment, model, task";

  std::string experiment;
  std::string model;
  std::string task;
  std::int64_t n_traces = 0;
  std::int64_t n_correct = 0;
  std::int64_t n_items = 0;
  std::int64_t n_features = 0;
  std::int64_t n_nonzero = 0;
  double c = 0.0;
  std::int64_t folds = 0;
  double auroc = 0.0;
  std::optional<double> auroc_low;
  std::optional<double> auroc_high;
  std::optional<double> within_item;  ///< AUROC among traces of the same item
  double train_auroc = 0.0;
  double kkt = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("n_traces", row.n_traces);
    visit("n_correct", row.n_correct);
    visit("n_items", row.n_items);
    visit("n_features", row.n_features);
    visit("n_nonzero", row.n_nonzero);
    visit("c", row.c);
    visit("folds", row.folds);
    visit("auroc", row.auroc);
    visit("auroc_low", row.auroc_low);
    visit("auroc_high", row.auroc_high);
    visit("within_item", row.within_item);
    visit("train_auroc", row.train_auroc);
    visit("kkt", row.kkt);
  }
};

/// A fold of the cross-validation that chose a probe's penalty.
struct ProbeFoldRow {
  static constexpr std::string_view kTable = "probe_fold";
  static constexpr std::string_view kKey = "experiment, model, task, c, fold";

  std::string experiment;
  std::string model;
  std::string task;
  double c = 0.0;
  std::int64_t fold = 0;
  std::int64_t n = 0;
  std::int64_t n_nonzero = 0;
  std::optional<double> auroc;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("c", row.c);
    visit("fold", row.fold);
    visit("n", row.n);
    visit("n_nonzero", row.n_nonzero);
    visit("auroc", row.auroc);
  }
};

/// How far two methods select the same neurons.
struct MethodOverlapRow {
  static constexpr std::string_view kTable = "method_overlap";
  static constexpr std::string_view kKey = "experiment, model, task, method_a, method_b";

  std::string experiment;
  std::string model;
  std::string task;
  std::string method_a;
  std::string method_b;
  std::int64_t n_a = 0;
  std::int64_t n_b = 0;
  std::int64_t shared = 0;
  double jaccard = 0.0;
  std::optional<double> rank_correlation;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("method_a", row.method_a);
    visit("method_b", row.method_b);
    visit("n_a", row.n_a);
    visit("n_b", row.n_b);
    visit("shared", row.shared);
    visit("jaccard", row.jaccard);
    visit("rank_correlation", row.rank_correlation);
  }
};

/// How well a method's selection predicts exact causal effects, and how stable it is.
struct MethodQualityRow {
  static constexpr std::string_view kTable = "method_quality";
  static constexpr std::string_view kKey = "experiment, model, task, method";

  std::string experiment;
  std::string model;
  std::string task;
  std::string method;
  std::string source;
  std::int64_t n_neurons = 0;
  std::optional<std::string> truth;
  std::optional<double> recall;
  std::optional<std::int64_t> n_items;
  std::optional<double> mean_effect;
  std::optional<double> ci_low;
  std::optional<double> ci_high;
  std::optional<double> random_effect;
  std::optional<double> difference;
  std::optional<double> difference_low;
  std::optional<double> difference_high;
  std::optional<double> p;
  std::optional<double> rank_correlation;
  std::optional<double> stability;
  std::optional<double> stability_low;
  std::optional<double> stability_high;
  std::int64_t n_resamples = 0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("method", row.method);
    visit("source", row.source);
    visit("n_neurons", row.n_neurons);
    visit("truth", row.truth);
    visit("recall", row.recall);
    visit("n_items", row.n_items);
    visit("mean_effect", row.mean_effect);
    visit("ci_low", row.ci_low);
    visit("ci_high", row.ci_high);
    visit("random_effect", row.random_effect);
    visit("difference", row.difference);
    visit("difference_low", row.difference_low);
    visit("difference_high", row.difference_high);
    visit("p", row.p);
    visit("rank_correlation", row.rank_correlation);
    visit("stability", row.stability);
    visit("stability_low", row.stability_low);
    visit("stability_high", row.stability_high);
    visit("n_resamples", row.n_resamples);
  }
};

using IdentificationTables = std::tuple<TraceAgreementRow, GeometryContrastRow, NeuronScoreRow, ProbeFitRow,
                                        ProbeFoldRow, MethodOverlapRow, MethodQualityRow>;

}  // namespace neurosweep
