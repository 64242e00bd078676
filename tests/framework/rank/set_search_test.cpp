#include "framework/rank/set_search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "framework/rank/counter_rng.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using SetFunction = std::function<double(const NumberSet&)>;

MinimalSet find_set(std::int32_t candidates, double share, const SetFunction& effect) {
  SetSearch state(candidates, share);
  while (!state.wanted().empty()) {
    std::vector<double> effects;
    for (const NumberSet& set : state.wanted()) effects.push_back(effect(set));
    state.tell(effects);
  }
  return state.result();
}

NumberSet kept(const MinimalSet& found) {
  NumberSet numbers;
  for (const GrownMember& member : found.members) {
    if (member.kept) numbers.push_back(member.number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

NumberSet grown(const MinimalSet& found) {
  NumberSet numbers;
  for (const GrownMember& member : found.members) numbers.push_back(member.number);
  return numbers;
}

NumberSet joined(NumberSet set, std::int32_t number) {
  set.push_back(number);
  std::sort(set.begin(), set.end());
  return set;
}

NumberSet left(NumberSet set, std::int32_t number) {
  std::erase(set, number);
  return set;
}

double value(const SetFunction& effect, const NumberSet& set) {
  return set.empty() ? 0 : effect(set);
}

/// Slow twin: measures every extension of every round; the order of adding.
struct PlainGrowth {
  NumberSet order;
  std::int64_t sets = 0;
};
PlainGrowth grow_plainly(std::int32_t candidates, double share, const SetFunction& effect) {
  NumberSet all;
  for (std::int32_t i = 0; i < candidates; ++i) all.push_back(i);
  const double full = effect(all);
  PlainGrowth growth{{}, 1};
  NumberSet current;
  while (value(effect, current) / full < share) {
    std::int32_t best = -1;
    for (const std::int32_t i : all) {
      if (std::find(current.begin(), current.end(), i) != current.end()) continue;
      ++growth.sets;
      if (best < 0 || effect(joined(current, i)) / full > effect(joined(current, best)) / full) best = i;
    }
    current = joined(current, best);
    growth.order.push_back(best);
  }
  return growth;
}

/// Slow twin: leaves out one member at a time, the one whose loss is smallest, the lower ranked of equal ones.
NumberSet prune_plainly(NumberSet current, double share, double full, const SetFunction& effect) {
  while (true) {
    std::int32_t cheapest = -1;
    for (const std::int32_t i : current) {
      const double without = value(effect, left(current, i)) / full;
      if (without < share) continue;
      if (cheapest < 0 || without >= value(effect, left(current, cheapest)) / full) cheapest = i;
    }
    if (cheapest < 0) return current;
    current = left(current, cheapest);
  }
}

double full_effect(std::int32_t candidates, const SetFunction& effect) {
  NumberSet all;
  for (std::int32_t i = 0; i < candidates; ++i) all.push_back(i);
  return effect(all);
}

/// Harm of losing whole features, each spread over some candidates; the more of a feature is lost, the less the rest
/// matters. Submodular, and negative like a suppression effect.
SetFunction make_coverage(std::int32_t candidates, std::uint64_t seed) {
  CounterRng rng(seed);
  std::vector<std::vector<double>> weight(static_cast<std::size_t>(candidates), std::vector<double>(12));
  for (std::int32_t i = 0; i < candidates; ++i) {
    for (double& each : weight[i]) each = rng.uniform() < 0.25 ? 3 * rng.uniform() / (1 + 0.2 * i) : 0;
  }
  return [weight](const NumberSet& set) {
    double harm = 0;
    for (std::size_t feature = 0; feature < 12; ++feature) {
      double lost = 0;
      for (const std::int32_t i : set) lost += weight[i][feature];
      harm += 1 - std::exp(-lost);
    }
    return -harm;
  };
}

SetFunction make_modular(const std::vector<double>& weights) {
  return [weights](const NumberSet& set) {
    double sum = 0;
    for (const std::int32_t i : set) sum -= weights[i];
    return sum;
  };
}

bool is_1_minimal(const NumberSet& set, double share, double full, const SetFunction& effect) {
  return std::none_of(set.begin(), set.end(), [&](auto i) { return value(effect, left(set, i)) / full >= share; });
}

TEST(SetSearch, GrowsAsPlainGreedyDoesWhereReturnsDiminish) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const SetFunction effect = make_coverage(40, seed);

    const MinimalSet found = find_set(40, 0.9, effect);

    const PlainGrowth twin = grow_plainly(40, 0.9, effect);
    EXPECT_EQ(grown(found), twin.order) << "seed " << seed;
  }
}

TEST(SetSearch, MeasuresLessThanHalfOfTheSetsOfPlainGreedy) {
  std::int64_t sets = 0, plain_sets = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const SetFunction effect = make_coverage(100, seed);

    sets += find_set(100, 0.95, effect).sets;

    plain_sets += grow_plainly(100, 0.95, effect).sets;
  }
  EXPECT_LT(2 * sets, plain_sets);
}

TEST(SetSearch, PrunesAsPlainPruningDoesWhereEffectsAdd) {
  CounterRng rng(5);
  for (int repeat = 0; repeat < 30; ++repeat) {
    std::vector<double> weights;
    for (int i = 0; i < 25; ++i) weights.push_back(rng.uniform());
    const SetFunction effect = make_modular(weights);

    const MinimalSet found = find_set(25, 0.8, effect);

    NumberSet start = grown(found);
    std::sort(start.begin(), start.end());
    EXPECT_EQ(kept(found), prune_plainly(start, 0.8, full_effect(25, effect), effect)) << "repeat " << repeat;
  }
}

TEST(SetSearch, HoldsTheShareWithNoMemberToSpareOnAnyFunction) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const SetFunction noise = [seed](const NumberSet& set) {
      std::uint64_t hash = seed + 1;
      double sum = 0;
      for (const std::int32_t i : set) {
        hash = CounterRng(hash * 1000003 + static_cast<std::uint64_t>(i)).next();
        sum += 1;
      }
      return -(sum + 4 * CounterRng(hash).uniform());
    };

    const MinimalSet found = find_set(15, 0.7, noise);

    const double full = full_effect(15, noise);
    EXPECT_GE(noise(kept(found)) / full, 0.7) << "seed " << seed;
    EXPECT_TRUE(is_1_minimal(kept(found), 0.7, full, noise)) << "seed " << seed;
  }
}

TEST(SetSearch, TakesOneOfRedundantTwins) {
  const SetFunction twins = [](const NumberSet& set) {
    const std::set<std::int32_t> in(set.begin(), set.end());
    const bool either = in.contains(0) || in.contains(1);
    return -(either ? 5.0 : 0.0) - (in.contains(2) ? 3.0 : 0.0) - (in.contains(3) ? 0.1 : 0.0);
  };

  const MinimalSet found = find_set(4, 0.9, twins);

  EXPECT_THAT(kept(found), ElementsAre(0, 2));
}

TEST(SetSearch, TakesASynergisticPairLastAndPrunesWhatItMakesSuperfluous) {
  const SetFunction backups = [](const NumberSet& set) {
    const std::set<std::int32_t> in(set.begin(), set.end());
    return -(in.contains(4) && in.contains(5) ? 20.0 : 0.0) - 0.1 * static_cast<double>(set.size());
  };

  const MinimalSet found = find_set(6, 0.9, backups);

  EXPECT_THAT(kept(found), ElementsAre(4, 5));
  EXPECT_EQ(grow_plainly(6, 0.9, backups).order.size(), 6u) << "greedy alone sees the pair last";
}

TEST(SetSearch, FindsAGainThatOnlyGrowsOnceItsPartnerIsIn) {
  const SetFunction partners = [](const NumberSet& set) {
    const std::set<std::int32_t> in(set.begin(), set.end());
    double harm = in.contains(0) && in.contains(19) ? 30 : 0;
    for (const std::int32_t i : set) harm += i < 19 ? 2.0 - 0.05 * i : 0;
    return -harm;
  };

  const MinimalSet found = find_set(20, 0.6, partners);

  EXPECT_THAT(grow_plainly(20, 0.6, partners).order, ElementsAre(0, 19, 1, 2));
  EXPECT_THAT(kept(found), ElementsAre(0, 1, 2, 19)) << "all gains are fresh again at 2 members";
}

TEST(SetSearch, MayExplainMoreThanAllWhereOthersWorkAgainstIt) {
  const MinimalSet found = find_set(3, 0.9, make_modular({5, -3, 1}));

  EXPECT_THAT(kept(found), ElementsAre(0));
  EXPECT_DOUBLE_EQ(found.share, 5.0 / 3);
}

TEST(SetSearch, ReportsGainsSharesAndLosses) {
  const MinimalSet found = find_set(3, 0.8, make_modular({6, 3, 1}));

  ASSERT_EQ(found.members.size(), 2u);
  EXPECT_DOUBLE_EQ(found.full_effect, -10);
  EXPECT_DOUBLE_EQ(found.share, 0.9);
  EXPECT_DOUBLE_EQ(found.members[1].alone, -3);
  EXPECT_DOUBLE_EQ(found.members[1].gain, -3);
  EXPECT_DOUBLE_EQ(found.members[1].share, 0.9);
  EXPECT_DOUBLE_EQ(found.members[0].loss, -6);
}

TEST(SetSearch, OfOneCandidateIsThatCandidate) {
  const MinimalSet found = find_set(1, 1, make_modular({2}));

  EXPECT_THAT(kept(found), ElementsAre(0));
  EXPECT_EQ(found.rounds, 1);
}

TEST(SetSearch, NeverWantsASetTwiceOrAnEmptyOne) {
  const SetFunction effect = make_coverage(30, 7);
  std::set<NumberSet> seen;
  SetSearch state(30, 0.99);

  while (!state.wanted().empty()) {
    std::vector<double> effects;
    for (const NumberSet& set : state.wanted()) {
      EXPECT_FALSE(set.empty());
      EXPECT_TRUE(seen.insert(set).second);
      effects.push_back(effect(set));
    }
    state.tell(effects);
  }

  EXPECT_THAT(state.wanted(), IsEmpty());
  EXPECT_EQ(static_cast<std::int64_t>(seen.size()), state.result().sets);
}

TEST(SetSearch, RefusesEffectsThatExplainNothing) {
  expect_error(ErrorKind::input, HasSubstr("change nothing"), [] { find_set(2, 0.9, make_modular({0, 0})); });
  expect_error(ErrorKind::input, HasSubstr("no finite number"),
               [] { find_set(2, 0.9, [](const NumberSet&) { return std::numeric_limits<double>::quiet_NaN(); }); });
  expect_error(ErrorKind::input, HasSubstr("a share in (0, 1]"), [] { SetSearch(2, 1.5); });
}

}  // namespace
}  // namespace neurosweep
