#include "framework/rank/steering_effects.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include <boost/math/distributions/normal.hpp>

#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/rank/critical_set.hpp"
#include "framework/rank/paired_answers.hpp"
#include "framework/rank/proportions.hpp"
#include "framework/rank/set_effects.hpp"

namespace neurosweep {

namespace {

constexpr double kAlpha = 0.05, kPower = 0.8;
constexpr double kOwnStrengths = 0;  // strength of a pool in which every task has its own

const char* stage_of(std::int64_t round_no) {
  return round_no == 0 ? kValidateStage : kTestStage;
}

/// What is compared at a place.
struct Comparison {
  std::string declared;
  std::string direction_task;
  std::vector<AnsweredTwice> items;
  std::int64_t n_steered = 0;
};

/// Where items are compared: model, task or pool, stage, variant, strength.
using Place = std::tuple<std::string, std::string, std::string, std::string, double>;

/// Items of every place of an experiment, in store order.
std::map<Place, Comparison> read_items(const Database& db, const std::string& experiment) {
  std::map<Place, Comparison> places;
  const auto add = [&](const Place& place, const SteerArmRow& arm, const AnsweredTwice& item, bool steered) {
    Comparison& comparison = places.try_emplace(place, Comparison{arm.declared, arm.direction_task, {}}).first->second;
    if (comparison.direction_task != arm.direction_task) comparison.direction_task.clear();
    comparison.items.push_back(item);
    comparison.n_steered += steered ? 1 : 0;
  };
  for (const RoundRow& round : db.select<RoundRow>("WHERE experiment = ? ORDER BY round_no", {experiment})) {
    using Item = std::tuple<std::string, std::string, std::string>;  // model, task, item
    std::map<std::tuple<std::string, std::string, std::string>, SteerArmRow> arms;
    for (const auto& arm : db.select<SteerArmRow>("WHERE round_id = ?", {round.round_id})) {
      arms.emplace(std::tuple(arm.model, arm.task, arm.arm), arm);
    }
    std::set<std::tuple<std::string, std::string, std::string, std::string>> left_alone;
    for (const auto& gate : db.select<SteerGateRow>("WHERE round_id = ? AND share = 0", {round.round_id})) {
      left_alone.emplace(gate.model, gate.task, gate.variant, gate.item);
    }
    std::map<Item, bool> before;
    const auto outcomes = db.select<OutcomeRow>("WHERE round_id = ? ORDER BY unit, seq", {round.round_id});
    for (const OutcomeRow& row : outcomes) {
      if (row.arm == kBaselineArm) before[{row.model, row.task, row.item}] = row.correct != 0;
    }
    for (const OutcomeRow& row : outcomes) {
      if (row.arm == kBaselineArm) continue;
      const SteerArmRow& arm = arms.at({row.model, row.task, row.arm});
      const AnsweredTwice item{{row.task, row.item}, before.at({row.model, row.task, row.item}), row.correct != 0};
      const bool steered = !left_alone.contains({row.model, row.task, arm.variant, row.item});
      const std::string stage = stage_of(round.round_no);
      add({row.model, row.task, stage, arm.variant, arm.strength}, arm, item, steered);
      const double pooled_strength = stage == kTestStage ? kOwnStrengths : arm.strength;
      add({row.model, kAllTasks, stage, arm.variant, pooled_strength}, arm, item, steered);
    }
  }
  return places;
}

SteerEffectRow effect_at(const std::string& experiment, const Place& place, const Comparison& comparison,
                         std::uint64_t seed) {
  SteerEffectRow row;
  row.experiment = experiment;
  row.declared = comparison.declared;
  row.direction_task = comparison.direction_task;
  std::tie(row.model, row.task, row.stage, row.variant, row.strength) = place;
  row.n_steered = comparison.n_steered;
  set_change(row, paired_change_of(comparison.items, seed));
  const auto n = static_cast<double>(row.n);
  const auto needed =
      mcnemar_items_needed(static_cast<double>(row.fixed) / n, static_cast<double>(row.broken) / n, kAlpha, kPower);
  if (needed > 0) row.items_needed = needed;
  return row;
}

/// Corrects the test stage of every model: each variant at each task is one test, the pool is their sum and another.
void correct(std::vector<SteerEffectRow>& rows) {
  std::map<std::string, std::vector<std::size_t>> families;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].stage == kTestStage) families[rows[i].model].push_back(i);
  }
  for (const auto& [model, members] : families) {
    std::vector<double> p;
    for (const std::size_t i : members) p.push_back(rows[i].mcnemar_p);
    const auto adjusted = holm(p);
    for (std::size_t k = 0; k < members.size(); ++k) rows[members[k]].holm_p = adjusted[k];
  }
}

}  // namespace

std::vector<double> holm(std::span<const double> p) {
  for (const double value : p) {
    if (!(value >= 0 && value <= 1)) throw input_error("Holm's correction: p = {} is outside [0, 1]", value);
  }
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    largest = std::max(largest, std::min(1.0, p[order[k]] * static_cast<double>(p.size() - k)));
    adjusted[order[k]] = largest;
  }
  return adjusted;
}

std::int64_t mcnemar_items_needed(double fixed_rate, double broken_rate, double alpha, double power) {
  const double difference = std::abs(fixed_rate - broken_rate), discordant = fixed_rate + broken_rate;
  if (difference == 0) return 0;
  const boost::math::normal normal;
  const double z = boost::math::quantile(boost::math::complement(normal, alpha / 2)) * std::sqrt(discordant) +
                   boost::math::quantile(normal, power) * std::sqrt(discordant - difference * difference);
  return static_cast<std::int64_t>(std::ceil(z * z / (difference * difference)));
}

ValidatedStrengths::ValidatedStrengths(const Database& db, const std::string& experiment) {
  for (const auto& [place, comparison] : read_items(db, experiment)) {
    const auto& [model, task, stage, variant, strength] = place;
    if (stage != kValidateStage) continue;
    right_[{model, task, variant}][strength] =
        std::ranges::count_if(comparison.items, [](const AnsweredTwice& item) { return item.after; });
  }
}

std::optional<double> ValidatedStrengths::best(const std::string& model, const std::vector<std::string>& tasks,
                                               const std::string& variant) const {
  std::map<double, std::int64_t> sum;
  for (const std::string& task : tasks) {
    const auto found = right_.find({model, task, variant});
    if (found == right_.end()) continue;
    for (const auto& [strength, right] : found->second) sum[strength] += right;
  }
  if (sum.empty()) return std::nullopt;
  return std::ranges::max_element(sum, {}, [](const auto& each) { return each.second; })->first;
}

void reduce_steering(Database& db, const std::string& experiment) {
  std::vector<SteerEffectRow> rows;
  const auto study_seed = static_cast<std::uint64_t>(db.study().seed);
  for (const auto& [place, comparison] : read_items(db, experiment)) {
    const auto& [model, task, stage, variant, strength] = place;
    const auto content = fmt::format("steer|{}|{}|{}|{}|{}|{}", experiment, model, task, stage, variant, strength);
    rows.push_back(effect_at(experiment, place, comparison, derive_seed(study_seed, content)));
  }
  correct(rows);
  replace_derived(db, experiment, rows);
}

}  // namespace neurosweep
