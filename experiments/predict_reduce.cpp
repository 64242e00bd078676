#include "experiments/predict_reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/prediction_quality.hpp"
#include "framework/steer/failure_predictor.hpp"
#include "framework/steer/logistic_probe.hpp"

namespace neurosweep {

namespace {

constexpr const char* kNetwork = "network";
constexpr double kLevel = 0.95;
constexpr int kBins = 10;
constexpr int kErrorDraws = 200;  ///< of the interval of the calibration error
constexpr double kL1Grid[] = {0.1, 0.03, 0.01, 0.003, 0.001};
constexpr double kL2Grid[] = {3, 1, 0.3, 0.1, 0.03};

/// Indices of the items of a split and task; kAllTasks is every task.
std::vector<std::size_t> where(const std::vector<PredictItem>& items, const std::string& split,
                               const std::string& task = kAllTasks) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].split == split && (task == kAllTasks || items[i].task == task)) chosen.push_back(i);
  }
  return chosen;
}

std::vector<double> picked(const std::vector<double>& values, const std::vector<std::size_t>& chosen) {
  std::vector<double> result;
  for (const std::size_t i : chosen) result.push_back(values[i]);
  return result;
}

/// What one predictor says about every item, and how it was made.
struct Predictor {
  std::string name;
  std::vector<double> logits;  ///< [n] not calibrated
  PredictorFitRow fit;
};

class ModelReducer {
 public:
  ModelReducer(const PredictSpec& keys, const std::string& model, const std::vector<PredictItem>& items,
               const PredictFeatures& features, std::uint64_t seed)
      : keys_(keys),
        model_(model),
        items_(items),
        features_(features),
        seed_(seed),
        train_(where(items, kTrainSplit)),
        validate_(where(items, kValidateSplit)) {
    for (const PredictItem& item : items) failed_.push_back(item.failed);
  }

  void run(PredictRows& rows) const {
    for (const Predictor& predictor : {network(), logistic("logistic_l1", kL1Grid, features_.means),
                                       logistic("logistic_l2", kL2Grid, features_.means),
                                       logistic("prompt_length", {}, prompt_lengths()), task_prior()}) {
      add(rows, predictor);
    }
  }

 private:
  Predictor network() const {
    FailureNetworkSpec spec;
    spec.pooling = parse_pooling(keys_.pooling);
    spec.hidden = keys_.hidden;
    spec.dropout = keys_.dropout;
    spec.learning_rate = keys_.learning_rate;
    spec.weight_decay = keys_.weight_decay;
    spec.epochs = keys_.epochs;
    spec.patience = keys_.patience;
    spec.batch = keys_.batch;
    spec.seed = seed_;
    std::vector<FailureExample> all, train, validate;
    for (std::size_t i = 0; i < items_.size(); ++i) all.push_back({features_.tokens[i], failed_[i]});
    for (const std::size_t i : train_) train.push_back(all[i]);
    for (const std::size_t i : validate_) validate.push_back(all[i]);
    const FailurePredictor trained(spec, train, validate);
    Predictor result = predictor(kNetwork, trained.logits(all), features_.means.size(1), keys_.learning_rate);
    result.fit.epochs = trained.epochs();
    return result;
  }

  /// A logistic regression with the penalty of least validation loss; without a grid it has none.
  Predictor logistic(const char* name, std::span<const double> grid, const at::Tensor& x) const {
    const at::Tensor train_x = rows_of(x, train_);
    const auto train_y = picked(failed_, train_), validate_y = picked(failed_, validate_);
    const bool is_l1 = grid.data() == kL1Grid;
    double best = std::numeric_limits<double>::infinity();
    Predictor result;
    for (const double penalty : grid.empty() ? std::vector<double>{0} : std::vector<double>(grid.begin(), grid.end())) {
      const LogisticPenalty penalties{is_l1 ? penalty : 0, is_l1 ? 0 : penalty};
      const auto logits = fit_logistic(train_x, train_y, penalties).logits(x);
      const double loss = cross_entropy(picked(logits, validate_), validate_y);
      if (loss >= best) continue;
      best = loss;
      result = predictor(name, logits, x.size(1), penalty);
    }
    return result;
  }

  /// The rate of failure of an item's task in training, with one item more of either outcome.
  Predictor task_prior() const {
    std::map<std::string, double> log_odds;
    for (const auto& task : keys_.tasks) {
      const auto y = picked(failed_, where(items_, kTrainSplit, task));
      double failures = 1;
      for (const double share : y) failures += share;
      log_odds[task] = std::log(failures / (static_cast<double>(y.size()) + 2 - failures));
    }
    std::vector<double> logits;
    for (const PredictItem& item : items_) logits.push_back(log_odds.at(item.task));
    return predictor("task_prior", std::move(logits), static_cast<std::int64_t>(keys_.tasks.size()), 0);
  }

  at::Tensor prompt_lengths() const {
    std::vector<float> lengths;
    for (const PredictItem& item : items_) lengths.push_back(static_cast<float>(item.n_tokens));
    return at::tensor(lengths).unsqueeze(1);
  }

  static at::Tensor rows_of(const at::Tensor& x, const std::vector<std::size_t>& chosen) {
    return x.index_select(0, at::tensor(std::vector<std::int64_t>(chosen.begin(), chosen.end()), at::kLong));
  }

  Predictor predictor(const char* name, std::vector<double> logits, std::int64_t n_features, double setting) const {
    const auto train_y = picked(failed_, train_), validate_y = picked(failed_, validate_);
    const auto validate_logits = picked(logits, validate_);
    const Calibration calibration = fit_calibration(validate_logits, validate_y);
    PredictorFitRow fit;
    fit.experiment = keys_.name;
    fit.model = model_;
    fit.predictor = name;
    fit.n_train = static_cast<std::int64_t>(train_.size());
    fit.n_validate = static_cast<std::int64_t>(validate_.size());
    fit.n_features = n_features;
    fit.setting = setting;
    fit.train_loss = cross_entropy(picked(logits, train_), train_y);
    fit.validate_loss = cross_entropy(validate_logits, validate_y);
    fit.slope = calibration.slope;
    fit.intercept = calibration.intercept;
    return {name, std::move(logits), std::move(fit)};
  }

  void add(PredictRows& rows, const Predictor& predictor) const {
    const Calibration calibration{predictor.fit.slope, predictor.fit.intercept};
    std::vector<double> p;
    for (const double logit : predictor.logits) p.push_back(calibration.probability(logit));
    const double threshold = youden_threshold(picked(p, validate_), picked(failed_, validate_));
    std::vector<std::string> tasks = keys_.tasks;
    tasks.emplace_back(kAllTasks);
    for (const char* split : kPredictSplits) {
      for (const auto& task : tasks) rows.quality.push_back(quality(predictor, split, task, p, threshold));
    }
    rows.fits.push_back(predictor.fit);
    if (predictor.name != kNetwork) return;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      rows.predictions.push_back(
          {keys_.name, model_, items_[i].task, items_[i].item, items_[i].split, failed_[i], p[i]});
    }
  }

  PredictionQualityRow quality(const Predictor& predictor, const std::string& split, const std::string& task,
                               const std::vector<double>& all_p, double threshold) const {
    const auto chosen = where(items_, split, task);
    const auto p = picked(all_p, chosen), y = picked(failed_, chosen);
    PredictionQualityRow row;
    row.experiment = keys_.name;
    row.model = model_;
    row.task = task;
    row.split = split;
    row.predictor = predictor.name;
    row.n = static_cast<std::int64_t>(chosen.size());
    for (const double share : y) row.n_failed += share;
    // By log-odds: calibration may turn the order round, which must not flatter a predictor.
    if (const auto area = auroc(picked(predictor.logits, chosen), y, kLevel)) {
      row.auroc = area->value;
      row.auroc_low = area->interval.low;
      row.auroc_high = area->interval.high;
    }
    row.brier = brier_score(p, y);
    row.ece = calibration_error(p, y, kBins);
    const Interval error = calibration_error_interval(p, y, kBins, kLevel, seed_, kErrorDraws);
    row.ece_low = error.low;
    row.ece_high = error.high;
    if (keys_.attempts > 1) {
      row.repeat_auroc = repeat_auroc(y, keys_.attempts);
      row.ceiling_auroc = ceiling_auroc(y, keys_.attempts);
    }
    row.threshold = threshold;
    const RatesAt rates = rates_at(threshold, p, y);
    row.sensitivity = rates.sensitivity;
    row.specificity = rates.specificity;
    return row;
  }

  const PredictSpec& keys_;
  const std::string& model_;
  const std::vector<PredictItem>& items_;
  const PredictFeatures& features_;
  std::uint64_t seed_;
  std::vector<std::size_t> train_, validate_;
  std::vector<double> failed_;
};

}  // namespace

void add_predict_rows(PredictRows& rows, const PredictSpec& keys, const std::string& model,
                      const std::vector<PredictItem>& items, const PredictFeatures& features, std::uint64_t seed) {
  ModelReducer(keys, model, items, features, seed).run(rows);
}

}  // namespace neurosweep
