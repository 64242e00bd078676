#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace neurosweep {

/// A unit of work with what is known of its cost before it runs.
struct QueuedUnit {
  std::int64_t unit = 0;   ///< global number
  std::int64_t group = 0;  ///< what must be loaded for it: groups are handed out one after the other, lowest first
  std::int64_t kind = 0;   ///< units of one kind take time in proportion to their weight
  double weight = 1;       ///< > 0, any unit
};

/// Units about which nothing is known but their order.
std::vector<QueuedUnit> alike(const std::vector<std::int64_t>& units);

/// Units in the order of hand-out: within a group the one first that is expected to take longest, so that the tail of
/// a round is short. What a kind's weight is worth is learned from the units that are done.
///   source   Graham 1969, "Bounds on multiprocessing timing anomalies" (longest processing time first)
class UnitQueue {
 public:
  explicit UnitQueue(std::vector<QueuedUnit> units);

  std::size_t size() const { return left_; }
  /// Removes and returns the next unit; there must be one.
  std::int64_t pop();
  void clear();
  /// A unit of this queue took `seconds`.
  void learn(std::int64_t unit, double seconds);
  /// Whether every one of `ranks` may take one more unit ahead of time and there will still be as much left as two of
  /// the longest for each.
  bool plenty(int ranks) const;

 private:
  /// Units of a kind that wait, the lightest first; units of equal weight in falling order of hand-out.
  struct Kind {
    std::vector<QueuedUnit> waiting;
    double waiting_weight = 0;
    double seconds = 0, weight = 0;  ///< of units that are done
  };
  using Group = std::map<std::int64_t, Kind>;

  static double rate(const Group& group, const Kind& kind);

  std::map<std::int64_t, Group> groups_;
  std::map<std::int64_t, QueuedUnit> taken_;
  std::size_t left_ = 0;
};

}  // namespace neurosweep
