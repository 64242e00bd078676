#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace neurosweep {

/// Neuron activations over the prompt of one task item, before anything is generated: their mean or each token's.
struct PromptActivationRow {
  static constexpr std::string_view kTable = "prompt_activation";
  static constexpr std::string_view kKey = "round_id, unit, seq";

  std::int64_t round_id = 0;
  std::int64_t unit = 0;
  std::int64_t seq = 0;
  std::string model;
  std::string task;
  std::string item;
  std::int64_t n_tokens = 0;       ///< of the prompt
  std::int64_t n_rows = 0;         ///< 1: the mean over its tokens; n_tokens: every token, in order
  std::int64_t n = 0;              ///< values: n_rows times neurons
  std::int64_t n_nonfinite = 0;    ///< NaN or infinite values; counted by UnitRows
  std::vector<float> activations;  ///< row-major; of all neurons (layer * M + neuron) or of the round's set_member

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("round_id", row.round_id);
    visit("unit", row.unit);
    visit("seq", row.seq);
    visit("model", row.model);
    visit("task", row.task);
    visit("item", row.item);
    visit("n_tokens", row.n_tokens);
    visit("n_rows", row.n_rows);
    visit("n", row.n);
    visit("n_nonfinite", row.n_nonfinite);
    visit("activations", row.activations);
  }
};

/// How likely a model is to fail at an item, by the network that read its prompt's activations.
struct FailurePredictionRow {
  static constexpr std::string_view kTable = "failure_prediction";
  static constexpr std::string_view kKey = "experiment, model, task, item";

  std::string experiment;
  std::string model;
  std::string task;
  std::string item;
  std::string split;    ///< 'identify' (trained on), 'validate' (stopped and calibrated on) or 'test'
  double failed = 0.0;  ///< share of the measured attempts that failed
  double p_fail = 0.0;  ///< calibrated probability of failure

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("item", row.item);
    visit("split", row.split);
    visit("failed", row.failed);
    visit("p_fail", row.p_fail);
  }
};

/// How good a predictor of failure is on a split, over all tasks or within one.
struct PredictionQualityRow {
  static constexpr std::string_view kTable = "prediction_quality";
  static constexpr std::string_view kKey = "experiment, model, task, split, predictor";

  std::string experiment;
  std::string model;
  std::string task;       ///< or '*' over all tasks
  std::string split;      ///< 'identify', 'validate' or 'test'
  std::string predictor;  ///< 'network', 'logistic_l1', 'logistic_l2', 'prompt_length', 'task_prior'
  std::int64_t n = 0;     ///< items
  double n_failed = 0.0;  ///< sum of their shares of failed attempts
  std::optional<double> auroc;
  std::optional<double> auroc_low;
  std::optional<double> auroc_high;
  double brier = 0.0;
  double ece = 0.0;
  double ece_low = 0.0;
  double ece_high = 0.0;
  std::optional<double> repeat_auroc;   ///< of the other attempts' failures as the predictor of one attempt
  std::optional<double> ceiling_auroc;  ///< of a predictor that knows each item's true rate of failure
  double threshold = 0.0;               ///< p_fail from which failure is predicted, chosen on the validate split
  std::optional<double> sensitivity;
  std::optional<double> specificity;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("task", row.task);
    visit("split", row.split);
    visit("predictor", row.predictor);
    visit("n", row.n);
    visit("n_failed", row.n_failed);
    visit("auroc", row.auroc);
    visit("auroc_low", row.auroc_low);
    visit("auroc_high", row.auroc_high);
    visit("brier", row.brier);
    visit("ece", row.ece);
    visit("ece_low", row.ece_low);
    visit("ece_high", row.ece_high);
    visit("repeat_auroc", row.repeat_auroc);
    visit("ceiling_auroc", row.ceiling_auroc);
    visit("threshold", row.threshold);
    visit("sensitivity", row.sensitivity);
    visit("specificity", row.specificity);
  }
};

/// How a predictor was trained and calibrated.
struct PredictorFitRow {
  static constexpr std::string_view kTable = "predictor_fit";
  static constexpr std::string_view kKey = "experiment, model, predictor";

  std::string experiment;
  std::string model;
  std::string predictor;        ///< as in PredictionQualityRow
  std::int64_t n_train = 0;     ///< items
  std::int64_t n_validate = 0;  ///< items
  std::int64_t n_features = 0;
  double setting = 0.0;     ///< learning rate of the network; penalty that validation chose for logistic regressions
  std::int64_t epochs = 0;  ///< until the weights that were kept
  double train_loss = 0.0;
  double validate_loss = 0.0;
  double slope = 1.0;  ///< calibration: p = sigmoid(slope * logit + intercept)
  double intercept = 0.0;

  template <class Self, class Visit>
  static void fields(Self& row, Visit&& visit) {
    visit("experiment", row.experiment);
    visit("model", row.model);
    visit("predictor", row.predictor);
    visit("n_train", row.n_train);
    visit("n_validate", row.n_validate);
    visit("n_features", row.n_features);
    visit("setting", row.setting);
    visit("epochs", row.epochs);
    visit("train_loss", row.train_loss);
    visit("validate_loss", row.validate_loss);
    visit("slope", row.slope);
    visit("intercept", row.intercept);
  }
};

/// The tables that the reducer of failure prediction rebuilds.
using PredictionTables = std::tuple<FailurePredictionRow, PredictionQualityRow, PredictorFitRow>;

}  // namespace neurosweep
