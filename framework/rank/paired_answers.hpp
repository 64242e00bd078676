#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "framework/rank/stats.hpp"
#include "framework/store/database.hpp"

namespace neurosweep {

using ItemKey = std::pair<std::string, std::string>;                ///< task, item
using ArmAnswers = std::map<std::string, std::map<ItemKey, bool>>;  ///< whether each is correct, by arm

/// The outcomes of an experiment, by model.
std::map<std::string, ArmAnswers> read_arm_answers(const Database& db, const std::string& experiment);

/// An item that was answered under two arms.
struct AnsweredTwice {
  ItemKey item;
  bool before = false, after = false;  ///< correct
};

/// The items of a task that were answered under both arms.
///   task  or kAllTasks
std::vector<AnsweredTwice> pair_answers(const ArmAnswers& answers, const std::string& before, const std::string& after,
                                        const std::string& task);

/// What a second arm changes in the answers to the same items.
struct PairedChange {
  std::int64_t n = 0, fixed = 0, broken = 0;
  double baseline_accuracy = 0, accuracy = 0;
  Interval accuracy_interval;  ///< Wilson's, 95 %
  double change = 0;
  Interval interval;     ///< of the change: 95 % BCa bootstrap over items; the change itself with fewer than 2
  double mcnemar_p = 1;  ///< exact, two-sided
};

///   seed    of the bootstrap
///   throws  Error{input} when there is no item
PairedChange paired_change_of(std::span<const AnsweredTwice> items, std::uint64_t seed);

/// Puts a change into the columns of the same names.
template <class Row>
void set_change(Row& row, const PairedChange& change) {
  row.n = change.n;
  row.baseline_accuracy = change.baseline_accuracy;
  row.accuracy = change.accuracy;
  row.accuracy_low = change.accuracy_interval.low;
  row.accuracy_high = change.accuracy_interval.high;
  row.fixed = change.fixed;
  row.broken = change.broken;
  row.change = change.change;
  row.change_low = change.interval.low;
  row.change_high = change.interval.high;
  row.mcnemar_p = change.mcnemar_p;
}

/// Whether the measured accuracy fell by no more than `points`.
bool keeps_within(const PairedChange& change, double points);

}  // namespace neurosweep
