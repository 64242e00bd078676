#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace neurosweep {

/// A set of candidates by their numbers, ascending. Number 0 is the candidate that ranks first.
using NumberSet = std::vector<std::int32_t>;

/// A candidate that growth has added, in the order of adding. Effects are joint ones, of the metric.
struct GrownMember {
  std::int32_t number = 0;
  double alone = 0;   ///< effect of the candidate alone
  double gain = 0;    ///< what adding it changed
  double share = 0;   ///< share of the full effect when it had been added
  bool kept = false;  ///< false: pruned later, the set holds without it
  double loss = 0;    ///< kept: what leaving it out of the final set would take away
};

/// What a search has found.
struct MinimalSet {
  std::vector<GrownMember> members;
  double full_effect = 0;  ///< of all candidates together
  double effect = 0;       ///< of the kept members together
  double share = 0;        ///< effect / full_effect
  std::int64_t sets = 0;   ///< sets measured
  std::int64_t rounds = 0;
};

/// Searches a small set of candidates whose joint effect is at least `share` of the effect of all together.
///
/// The caller measures the sets in `wanted()` and tells their effects, round after round, until none is wanted. The
/// search is a function of these numbers alone, so that it can be replayed from a store.
///
/// 1. Growth is greedy: the candidate that adds most joins, until the share is reached. It is lazy: a gain measured
///    before the set grew bounds the gain now, so only candidates whose bound beats the best fresh gain are measured
///    again. Where effects have diminishing returns that is what plain greedy finds, for a fraction of its sets, and
///    several join in a round, for the chain of the likeliest next ones is measured along. Effects without diminishing
///    returns (neurons that back each other up) break the bound: all are measured afresh each time the set has
///    doubled, and a partner's gain missed in between costs size, never the share.
/// 2. Pruning leaves out the member whose loss is smallest while the share holds; where several could go, the largest
///    tried batch that can go together.
///
/// A share may exceed 1: other candidates may work against the set. In the result no single member can be left out. It
/// need not be the smallest such set: two candidates that work only together look worthless to growth, which takes them
/// last; pruning then drops what they make superfluous.
///   source   Minoux 1978, "Accelerated greedy algorithms for maximizing submodular set functions"
class SetSearch {
 public:
  ///   candidates  at least 1
  ///   share       in (0, 1]
  ///   throws      Error{input}
  SetSearch(std::int64_t candidates, double share);

  /// The sets to measure next, none of them empty; none are wanted when the search is done.
  const std::vector<NumberSet>& wanted() const { return wanted_; }

  /// Takes the effects of the wanted sets, in their order.
  ///   throws  Error{input}: an effect that is not finite, or all candidates together change nothing
  void tell(std::span<const double> effects);

  /// What was found, once no set is wanted.
  const MinimalSet& result() const;

 private:
  enum class Phase { grow, prune, done };

  bool known(const NumberSet& set) const { return measured_.contains(set); }
  double effect_of(const NumberSet& set) const { return measured_.at(set); }
  double share_of(const NumberSet& set) const { return effect_of(set) / result_.full_effect; }
  void want(NumberSet set);
  void advance();
  bool grow_step();
  void sort_by_bound(std::vector<std::int32_t>& numbers) const;
  void want_chain();
  void add(std::int32_t number);
  bool prune_step();
  std::vector<std::int32_t> find_removable() const;
  void finish();

  double share_;
  Phase phase_ = Phase::grow;
  std::map<NumberSet, double> measured_;
  std::vector<NumberSet> wanted_;
  NumberSet current_;
  NumberSet rest_;
  std::vector<double> bound_;  ///< [candidates] share that a candidate added when it was last measured
  std::size_t refreshed_ = 0;  ///< size of the set when all gains were last fresh
  MinimalSet result_;
};

}  // namespace neurosweep
