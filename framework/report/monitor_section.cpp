#include <map>
#include <ostream>
#include <set>

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/report/markdown.hpp"
#include "framework/report/reliability_picture.hpp"
#include "framework/report/sections.hpp"

namespace neurosweep {
namespace {

constexpr int kBins = 10;

std::string moment_text(const MonitorQualityRow& row) {
  if (row.reading != "after") return row.reading;
  return row.tokens == 0 ? "prompt" : fmt::format("{}", row.tokens);
}

/// AUROC of every predictor at every moment, over all tasks.
void write_moments(std::ostream& out, const Database& db, const std::string& experiment, const std::string& model) {
  using Moment = std::pair<std::string, std::int64_t>;  // reading, tokens
  std::map<Moment, std::map<std::string, std::string>> cells;
  std::map<Moment, std::int64_t> replies;
  std::set<std::string> predictors;
  std::map<Moment, std::string> names;
  db.for_each<MonitorQualityRow>("WHERE experiment = ? AND model = ? AND split = 'test' AND task = ?",
                                 {experiment, model, std::string(kAllTasks)}, [&](MonitorQualityRow&& row) {
                                   if (!row.auroc) return;
                                   const Moment moment(row.reading, row.tokens);
                                   names[moment] = moment_text(row);
                                   replies[moment] = row.n;
                                   predictors.insert(row.predictor);
                                   cells[moment][row.predictor] =
                                       fmt::format("{:.3f} ({})", *row.auroc,
                                                   interval_text(row.auroc_low, row.auroc_high, plain_number));
                                 });
  std::vector<std::string> header = {"read after", "replies"};
  header.insert(header.end(), predictors.begin(), predictors.end());
  MarkdownTable table(header);
  for (const auto& [moment, of] : cells) {
    std::vector<std::string> line = {names[moment], fmt::format("{}", replies[moment])};
    for (const auto& predictor : predictors) line.push_back(of.contains(predictor) ? of.at(predictor) : "-");
    table.add(std::move(line));
  }
  if (table.empty()) return;
  out << fmt::format(
      "### Model {}\n\nAUROC on test replies to all tasks, by generated tokens, over replies that are still running "
      "then; `last` and `highest` reading of every reply. Tasks differ in difficulty, which alone tells something: the "
      "named query `warnings` has the tasks one by one.\n\n",
      model);
  table.write(out);
}

std::string lead_text(std::optional<double> median, std::optional<double> low, std::optional<double> high) {
  if (!median) return "-";
  return fmt::format("{} ({})", plain_number(*median), interval_text(low, high, plain_number));
}

void write_alarms(std::ostream& out, const Database& db, const std::string& experiment, const std::string& model) {
  MarkdownTable table({"task", "reads", "stated", "false alarms", "95 % interval", "failures found", "95 % interval",
                       "before the answer", "tokens to the answer", "tokens to the end"});
  db.for_each<MonitorAlarmRow>(
      "WHERE experiment = ? AND model = ? AND split = 'test' AND (task = ? OR predictor IN (SELECT predictor FROM "
      "monitor_fit AS f WHERE f.experiment = monitor_alarm.experiment AND f.model = monitor_alarm.model AND exported = "
      "1)) ORDER BY rate, task, predictor",
      {experiment, model, std::string(kAllTasks)}, [&](MonitorAlarmRow&& row) {
        const auto share = [](std::int64_t k, std::int64_t n, const std::optional<double>& rate) {
          return rate ? fmt::format("{} ({} of {})", percent_text(*rate), k, n) : "-";
        };
        table.add(
            {row.task, row.predictor, percent_text(row.rate), share(row.false_alarms, row.n_right, row.false_rate),
             interval_text(row.false_low, row.false_high, percent_text), share(row.found, row.n_failed, row.found_rate),
             interval_text(row.found_low, row.found_high, percent_text), fmt::format("{}", row.found_before),
             lead_text(row.lead_answer, row.lead_answer_low, row.lead_answer_high),
             lead_text(row.lead_end, row.lead_end_low, row.lead_end_high)});
      });
  if (!table.empty()) table.write(out);
}

/// Calibration of the last reading of every test reply.
void write_reliability(std::ostream& out, const Database& db, const std::string& experiment, const std::string& model) {
  std::map<std::pair<std::string, std::string>, MonitorRiskRow> last;
  db.for_each<MonitorRiskRow>("WHERE experiment = ? AND model = ? AND split = 'test' ORDER BY task, item, tokens",
                              {experiment, model}, [&](MonitorRiskRow&& row) {
                                last[{row.task, row.item}] = row;
                              });
  std::vector<double> risk, failed;
  for (const auto& [key, row] : last) {
    risk.push_back(row.risk);
    failed.push_back(static_cast<double>(row.failed));
  }
  if (risk.empty()) return;
  out << "Calibration of the exported monitor at the last reading of every test reply: observed against predicted rate "
         "of failure, ten bins of equal count, with Wilson's 95 % intervals.\n\n";
  draw_reliability(out, model, reliability_bins(risk, failed, kBins));
}

}  // namespace

void write_monitors(std::ostream& out, const Database& db) {
  Statement found =
      db.connection().prepare("SELECT DISTINCT experiment, model FROM monitor_quality ORDER BY experiment, model");
  std::string last;
  while (found.step()) {
    const std::string experiment = found.text(0), model = found.text(1);
    if (experiment != last) {
      out << fmt::format("## Early warning (experiment {})\n\n", experiment);
      out << "The risk that a reply is wrong, read while it is written. Fitted on the identify split; penalty, "
             "calibration and thresholds on validate; judged here on test. `neurons`: chosen neurons; `output`: tokens "
             "so far, mean and lowest log-probability, mean and highest entropy; `both`; the others are baselines of "
             "one measure each. An alarm is raised at the first reading above the threshold, which is set so that at "
             "most the stated share of right replies has one at any moment, over all tasks together: within a task it "
             "may be more or less. Tokens to the answer: from the alarm to "
             "the first token of the wrong answer, median and quartiles over the failures found; negative when the "
             "alarm came after it.\n\n";
      last = experiment;
    }
    write_moments(out, db, experiment, model);
    write_alarms(out, db, experiment, model);
    write_reliability(out, db, experiment, model);
  }
}

}  // namespace neurosweep
