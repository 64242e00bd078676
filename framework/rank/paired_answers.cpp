#include "framework/rank/paired_answers.hpp"

#include "framework/base/error.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/proportions.hpp"
#include "framework/rank/resampling.hpp"

namespace neurosweep {

std::map<std::string, ArmAnswers> read_arm_answers(const Database& db, const std::string& experiment) {
  std::map<std::string, ArmAnswers> models;
  db.for_each<OutcomeRow>("WHERE round_id IN (SELECT round_id FROM round WHERE experiment = ?)", {experiment},
                          [&](OutcomeRow&& row) {
                            models[row.model][row.arm][{row.task, row.item}] = row.correct != 0;
                          });
  return models;
}

std::vector<AnsweredTwice> pair_answers(const ArmAnswers& answers, const std::string& before, const std::string& after,
                                        const std::string& task) {
  std::vector<AnsweredTwice> pairs;
  const auto first = answers.find(before), second = answers.find(after);
  if (first == answers.end() || second == answers.end()) return pairs;
  for (const auto& [item, correct] : second->second) {
    const auto other = first->second.find(item);
    if (other == first->second.end() || (task != kAllTasks && item.first != task)) continue;
    pairs.push_back({item, other->second, correct});
  }
  return pairs;
}

PairedChange paired_change_of(std::span<const AnsweredTwice> items, std::uint64_t seed) {
  constexpr double kLevel = 0.95;
  if (items.empty()) throw input_error("a paired change needs at least 1 item, found 0");
  PairedChange result;
  result.n = std::ssize(items);
  std::int64_t right_before = 0, right_after = 0;
  std::vector<double> changes;
  for (const AnsweredTwice& item : items) {
    right_before += item.before ? 1 : 0;
    right_after += item.after ? 1 : 0;
    result.fixed += item.after && !item.before ? 1 : 0;
    result.broken += item.before && !item.after ? 1 : 0;
    changes.push_back((item.after ? 1.0 : 0.0) - (item.before ? 1.0 : 0.0));
  }
  result.baseline_accuracy = static_cast<double>(right_before) / static_cast<double>(result.n);
  result.accuracy = static_cast<double>(right_after) / static_cast<double>(result.n);
  result.accuracy_interval = wilson_interval(right_after, result.n, kLevel);
  result.change = static_cast<double>(result.fixed - result.broken) / static_cast<double>(result.n);
  result.interval = {result.change, result.change};
  if (changes.size() >= 2) result.interval = bootstrap_interval(changes, {.level = kLevel, .seed = seed});
  result.mcnemar_p = mcnemar_exact_p(result.broken, result.fixed);
  return result;
}

bool keeps_within(const PairedChange& change, double points) {
  constexpr double kRounding = 1e-9;
  return 100 * (change.baseline_accuracy - change.accuracy) <= points + kRounding;
}

}  // namespace neurosweep
