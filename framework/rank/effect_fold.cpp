#include "framework/rank/effect_fold.hpp"

#include <cmath>
#include <limits>
#include <set>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

struct PlannedRound {
  std::int64_t round_id = 0;
  std::vector<ArmRow> arms;
};

std::vector<PlannedRound> read_plan(const Database& db, const std::string& experiment) {
  std::vector<PlannedRound> plan;
  for (const RoundRow& round : db.select<RoundRow>("WHERE experiment = ? ORDER BY round_id", {experiment})) {
    plan.push_back({round.round_id, db.select<ArmRow>("WHERE round_id = ? ORDER BY arm", {round.round_id})});
  }
  if (plan.empty()) throw input_error("{}: no round of experiment '{}': run it first", db.path(), experiment);
  return plan;
}

/// Text of an arm's intervention: its op, and value and span where a neuron meets the op in several strengths.
class OpLabels {
 public:
  explicit OpLabels(const std::vector<PlannedRound>& plan) {
    std::map<std::tuple<std::string, std::int64_t, std::int64_t, std::string>, std::pair<double, std::string>> first;
    for (const PlannedRound& round : plan) {
      for (const ArmRow& arm : round.arms) {
        const std::pair strength(arm.value, arm.span);
        const auto known = first.emplace(std::tuple(arm.model, arm.layer, arm.neuron, arm.op), strength).first;
        if (known->second != strength) graded_.insert(arm.op);
      }
    }
  }

  std::string of(const ArmRow& arm) const {
    return graded_.contains(arm.op) ? fmt::format("{} {} {}", arm.op, arm.value, arm.span) : arm.op;
  }

 private:
  std::set<std::string> graded_;
};

/// Numbers the arms of a round within their model; the same intervention in another round keeps its number.
std::vector<std::size_t> number_arms(const PlannedRound& round, const OpLabels& labels, EffectFold& fold) {
  std::vector<std::size_t> numbers;
  for (const ArmRow& arm : round.arms) {
    std::map<ArmKey, std::size_t>& known = fold.arms[arm.model];
    const NeuronId id{static_cast<LayerIndex>(arm.layer), static_cast<NeuronIndex>(arm.neuron)};
    numbers.push_back(known.emplace(ArmKey{labels.of(arm), arm.role, id}, known.size()).first->second);
  }
  return numbers;
}

void add_block(const EffectBlockRow& block, const PlannedRound& round, const std::vector<std::size_t>& numbers,
               EffectFold& fold) {
  EffectTable& table = fold.tables[{block.model, block.metric}][block.task];
  const std::size_t item = table.number_of(block.item);
  for (std::int64_t k = 0; k < block.n; ++k) {
    const std::size_t arm = static_cast<std::size_t>(block.first_arm + k);
    if (arm >= numbers.size() || round.arms[arm].model != block.model) {
      throw error(ErrorKind::store,
                  "round {} unit {}: an effect of arm {} on model '{}', which the plan lacks: run verify",
                  block.round_id, block.unit, arm, block.model);
    }
    if (std::isfinite(block.effects[k])) {
      table.add(numbers[arm], item, block.effects[k]);
    } else {
      ++fold.nonfinite;
    }
  }
}

}  // namespace

std::size_t EffectTable::number_of(const std::string& item) {
  return items_.emplace(item, items_.size()).first->second;
}

void EffectTable::add(std::size_t arm, std::size_t item, double effect) {
  if (means_.size() <= arm) means_.resize(arm + 1);
  std::vector<double>& means = means_[arm];
  if (means.size() <= item) means.resize(item + 1, std::numeric_limits<double>::quiet_NaN());
  if (std::isnan(means[item])) {
    means[item] = effect;
    return;
  }
  int& measured = repeated_.emplace(std::pair{arm, item}, 1).first->second;
  means[item] += (effect - means[item]) / ++measured;
}

std::vector<double> EffectTable::of_arm(std::size_t arm) const {
  std::vector<double> effects;
  if (arm >= means_.size()) return effects;
  for (const double mean : means_[arm]) {
    if (!std::isnan(mean)) effects.push_back(mean);
  }
  return effects;
}

EffectFold fold_effects(const Database& db, const std::string& experiment) {
  const std::vector<PlannedRound> plan = read_plan(db, experiment);
  const OpLabels labels(plan);
  EffectFold fold;
  for (const PlannedRound& round : plan) {
    const std::vector<std::size_t> numbers = number_arms(round, labels, fold);
    for_each_effect_block(db, round.round_id,
                          [&](const EffectBlockRow& block) { add_block(block, round, numbers, fold); });
  }
  if (fold.tables.empty()) {
    throw input_error("{}: experiment '{}' has no measured effects: run it, then merge", db.path(), experiment);
  }
  return fold;
}

}  // namespace neurosweep
