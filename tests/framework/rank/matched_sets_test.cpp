#include "framework/rank/matched_sets.hpp"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"

namespace neurosweep {
namespace {

NeuronId id(int layer, int neuron) {
  return {LayerIndex{layer}, NeuronIndex{neuron}};
}

const std::vector<NeuronId> kCritical = {id(0, 3), id(0, 7), id(2, 1)};

TEST(MatchedSets, KeepTheLayerCountsAndAvoidTheCriticalNeurons) {
  const auto sets = make_matched_sets(kCritical, 16, 50, 9);

  ASSERT_EQ(sets.size(), 50u);
  for (const auto& set : sets) {
    EXPECT_EQ(std::ranges::count(set, LayerIndex{0}, &NeuronId::layer), 2);
    EXPECT_EQ(std::ranges::count(set, LayerIndex{2}, &NeuronId::layer), 1);
    EXPECT_EQ(std::set<NeuronId>(set.begin(), set.end()).size(), 3u);
    for (const NeuronId& critical : kCritical) EXPECT_EQ(std::ranges::count(set, critical), 0);
  }
}

TEST(MatchedSets, DependOnTheSeedAndNotOnTheirCount) {
  const auto few = make_matched_sets(kCritical, 1000, 2, 9);
  const auto many = make_matched_sets(kCritical, 1000, 5, 9);

  EXPECT_EQ(few[1], many[1]);
  EXPECT_NE(few[0], few[1]);
  EXPECT_NE(few[0], make_matched_sets(kCritical, 1000, 2, 10)[0]);
}

TEST(MatchedSets, DrawEveryFreeNeuronAlike) {
  std::vector<int> drawn(8, 0);

  for (const auto& set : make_matched_sets(std::vector{id(0, 0)}, 8, 7000, 3)) ++drawn[to_int(set[0].neuron)];

  EXPECT_EQ(drawn[0], 0);
  double chi_squared = 0;
  for (int neuron = 1; neuron < 8; ++neuron) chi_squared += (drawn[neuron] - 1000.0) * (drawn[neuron] - 1000.0) / 1000;
  EXPECT_LT(chi_squared, 22.46);  // 0.999 quantile, 6 degrees
}

TEST(MatchedSets, HonourExcludedNeurons) {
  const std::vector<NeuronId> excluded = {id(0, 1), id(0, 2)};

  for (const auto& set : make_matched_sets(std::vector{id(0, 0)}, 4, 20, 3, excluded)) {
    EXPECT_THAT(set, ::testing::ElementsAre(id(0, 3)));
  }
}

TEST(MatchedSets, NameTheLayerThatIsTooSmall) {
  try {
    make_matched_sets(std::vector{id(0, 0), id(0, 1), id(1, 0)}, 3, 1, 9);
    FAIL() << "two neurons were drawn from one";
  } catch (const Error& failure) {
    EXPECT_THAT(failure.what(), ::testing::HasSubstr("layer 0: a matched random set needs 2 neurons"));
  }
}

}  // namespace
}  // namespace neurosweep
