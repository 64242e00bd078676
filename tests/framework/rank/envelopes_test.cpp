#include "framework/rank/envelopes.hpp"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>

#include "framework/rank/stats.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using testing::PlantedTrace;
using testing::SyntheticStore;

constexpr std::int64_t K = 8;

/// Replies to both tasks, one in five wrong, with ranges of all neurons of the model; the ranges of the right ones, by
/// task.
std::map<std::string, std::vector<std::vector<float>>> add_replies(SyntheticStore& store, int n) {
  std::vector<PlantedTrace> traces;
  for (int i = 0; i < n; ++i) traces.push_back({i % 3 == 0 ? "add" : "sort", std::to_string(i), 0, i % 5 != 0, {}});
  store.add_traces("envelope", traces);
  std::vector<SetMemberRow> members;
  for (std::int64_t k = 0; k < K; ++k) {
    members.push_back({0, kEnvelopeSet, "tiny", "*", k / 4, k % 4, "read", 0, "generated"});
  }
  store.db().insert(members);
  std::map<std::string, std::vector<std::vector<float>>> right;
  std::mt19937 random(5);
  // Few values, so that many are equal, and of both signs.
  std::uniform_int_distribution<int> draw(-9, 9);
  for (int i = 0; i < n; ++i) {
    std::vector<float> ranges(2 * K);
    for (std::size_t k = 0; k < K; ++k) {
      const auto [least, largest] = std::minmax({draw(random), draw(random)});
      ranges[k] = 0.1F * static_cast<float>(least);
      ranges[K + k] = 0.1F * static_cast<float>(largest);
    }
    if (i % 5 != 0) right[traces[static_cast<std::size_t>(i)].task].push_back(ranges);
    store.db().insert(std::vector<ActivationRangeRow>{{0, i, 0, 2 * K, 5, 0, ranges}});
  }
  right["*"] = right["add"];
  right["*"].insert(right["*"].end(), right["sort"].begin(), right["sort"].end());
  return right;
}

/// Reduces replies and compares every envelope with the quantiles of all values.
void expect_quantiles(int n, const EnvelopeOptions& options) {
  SyntheticStore store;
  const auto right = add_replies(store, n);

  EXPECT_TRUE(reduce_envelopes(store.db(), "envelope", {"tiny"}, {"add", "sort"}, options).empty());

  const auto rows = store.db().select<ActivationEnvelopeRow>();
  ASSERT_EQ(rows.size(), 3U * K);
  for (const ActivationEnvelopeRow& row : rows) {
    const auto k = static_cast<std::size_t>(row.layer * 4 + row.neuron);
    std::vector<double> least, largest;
    for (const auto& ranges : right.at(row.task)) {
      least.push_back(ranges[k]);
      largest.push_back(ranges[K + k]);
    }
    EXPECT_EQ(row.n, std::ssize(least));
    EXPECT_EQ(row.lowest, std::ranges::min(least));
    EXPECT_EQ(row.highest, std::ranges::max(largest));
    EXPECT_EQ(row.low, quantile(least, options.outside));
    EXPECT_EQ(row.high, quantile(largest, 1 - options.outside));
    EXPECT_EQ(row.outside, options.outside);
  }
}

TEST(Envelopes, AreTheQuantilesOfAllRepliesWhateverIsHeldAtOnce) {
  for (const double outside : {0.0, 0.01, 0.1, 0.37, 0.5}) {
    for (const std::size_t most_kept : {1UL, 30UL, 1'000'000UL}) {
      expect_quantiles(61, {outside, most_kept});
      expect_quantiles(5, {outside, most_kept});
    }
  }
}

TEST(Envelopes, NameTasksWithoutASuccessfulReply) {
  SyntheticStore store;
  add_replies(store, 1);

  const auto problems = reduce_envelopes(store.db(), "envelope", {"tiny"}, {"add"}, {.outside = 0.1});

  EXPECT_THAT(problems, ::testing::ElementsAre(::testing::HasSubstr("no successful reply to task 'add'"),
                                               ::testing::HasSubstr("no successful reply to task '*'")));
  EXPECT_TRUE(store.db().select<ActivationEnvelopeRow>().empty());
}

}  // namespace
}  // namespace neurosweep
