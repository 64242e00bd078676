#include <ostream>

#include "framework/base/error.hpp"
#include "framework/rank/prediction_quality.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/reliability_picture.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

constexpr int kBins = 10;

std::string ceiling_text(const std::optional<double>& repeat, const std::optional<double>& ceiling) {
  if (!repeat || !ceiling) return "-";
  return fmt::format("{} / {}", plain_number(*repeat), plain_number(*ceiling));
}

void write_quality(std::ostream& out, const std::vector<PredictionQualityRow>& rows) {
  MarkdownTable table({"model", "task", "predictor", "items", "failed", "AUROC", "95 % interval", "repeats / ceiling",
                       "Brier", "calibration error", "interval", "found", "false alarms"});
  for (const PredictionQualityRow& row : rows) {
    table.add({row.model, row.task, row.predictor, fmt::format("{}", row.n),
               percent_text(row.n_failed / static_cast<double>(row.n)), number_text(row.auroc),
               interval_text(row.auroc_low, row.auroc_high, plain_number),
               ceiling_text(row.repeat_auroc, row.ceiling_auroc), plain_number(row.brier), plain_number(row.ece),
               interval_text(row.ece_low, row.ece_high, plain_number),
               row.sensitivity ? percent_text(*row.sensitivity) : "-",
               row.specificity ? percent_text(1 - *row.specificity) : "-"});
  }
  table.write(out);
}

void write_reliability(std::ostream& out, const Database& db, const std::string& experiment) {
  out << "Calibration of the network on the test items: observed against predicted rate of failure, ten bins of equal "
         "count, with Wilson's 95 % intervals. On the dashed line the probabilities are right.\n\n";
  Statement models =
      db.connection().prepare("SELECT DISTINCT model FROM failure_prediction WHERE experiment = ? ORDER BY 1");
  models.bind(1, experiment);
  while (models.step()) {
    std::vector<double> p, failed;
    db.for_each<FailurePredictionRow>("WHERE experiment = ? AND model = ? AND split = 'test' ORDER BY task, item",
                                      {experiment, models.text(0)}, [&](FailurePredictionRow&& row) {
                                        p.push_back(row.p_fail);
                                        failed.push_back(row.failed);
                                      });
    if (!p.empty()) draw_reliability(out, models.text(0), reliability_bins(p, failed, kBins));
  }
}

}  // namespace

void write_predictions(std::ostream& out, const Database& db) {
  Statement experiments = db.connection().prepare("SELECT DISTINCT experiment FROM prediction_quality ORDER BY 1");
  while (experiments.step()) {
    const std::string experiment = experiments.text(0);
    out << fmt::format("## Prediction of failure (experiment {})\n\n", experiment);
    out << "How well failure is foretold from a prompt before decoding starts, on test items. `network` reads the "
           "activations of chosen neurons at every token, the logistic regressions their means; `prompt_length` and "
           "`task_prior` read no activation. Task `*` pools the tasks: knowing which task it is already tells "
           "something there (see `task_prior`), so the rows within a task are the stricter ones. Intervals of the "
           "AUROC "
           "are DeLong's, by item. Repeats: AUROC of an item's other attempts as predictor of one; ceiling: of a "
           "predictor that knows the true rates. Found and false alarms: failures and successes predicted to fail, at "
           "the threshold that was best on the validate split.\n\n";
    write_quality(out, db.select<PredictionQualityRow>(
                           "WHERE experiment = ? AND split = 'test' ORDER BY model, task, predictor", {experiment}));
    write_reliability(out, db, experiment);
  }
}

}  // namespace neurosweep
