#include "framework/rank/scores.hpp"

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PlantedTrace;
using testing::SyntheticStore;

TraceKey trace(const std::string& item, std::int64_t attempt, std::int64_t correct) {
  return {0, attempt, 0, "add", item, attempt, correct};
}

TEST(PairTraces, JoinsTheKthCorrectWithTheKthIncorrectOfAnItem) {
  const auto pairs = pair_traces({trace("a", 4, 1), trace("a", 0, 0), trace("a", 1, 1), trace("a", 3, 0),
                                  trace("a", 2, 0), trace("b", 0, 1), trace("b", 1, 1)});

  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].correct.attempt, 1);
  EXPECT_EQ(pairs[0].incorrect.attempt, 0);
  EXPECT_EQ(pairs[1].correct.attempt, 4);
  EXPECT_EQ(pairs[1].incorrect.attempt, 2);
}

TEST(PairTraces, KeepsItemsOfTheSameNameInDifferentTasksApart) {
  TraceKey other = trace("a", 1, 0);
  other.task = "sort";

  EXPECT_TRUE(pair_traces({trace("a", 0, 1), other}).empty());
}

ContrastScores two_pair_scores() {
  ContrastFold fold;
  fold.add(std::vector<float>{1, 2, -1, 0}, std::vector<float>{-1, 1, -3, 0});
  fold.add(std::vector<float>{3, 4, -1, 0}, std::vector<float>{-3, 1, -3, 0});
  return fold.finish();
}

TEST(Contrast, AveragesPairDifferencesByHand) {
  const ContrastScores scores = two_pair_scores();

  EXPECT_EQ(scores.pairs, 2);
  EXPECT_THAT(scores.mean_correct, ElementsAre(2, 3, -1, 0));
  EXPECT_THAT(scores.mean_incorrect, ElementsAre(-2, 1, -3, 0));
  EXPECT_THAT(scores.score, ElementsAre(4, 2, 2, 0));
}

TEST(Contrast, RefusesPairsOfDifferentModels) {
  ContrastFold fold;
  fold.add(std::vector<float>{1, 2}, std::vector<float>{1, 2});

  EXPECT_THROW(fold.add(std::vector<float>{1, 2, 3}, std::vector<float>{1, 2, 3}), Error);
}

TEST(RankContrast, KeepsOnlySignFlipsWhenAsked) {
  EXPECT_THAT(rank_contrast(two_pair_scores(), 3, Polarity::require_flip), ElementsAre(0));
}

TEST(RankContrast, BreaksTiesByIndexAndStopsAtK) {
  EXPECT_THAT(rank_contrast(two_pair_scores(), 3, Polarity::any), ElementsAre(0, 1, 2));
  EXPECT_THAT(rank_contrast(two_pair_scores(), 0, Polarity::any), ElementsAre());
}

/// Neuron 5 (layer 1, neuron 1) fires for correct traces and against incorrect ones; neuron 2 only fires more.
PlantedTrace planted(const std::string& task, const std::string& item, std::int64_t attempt, bool correct) {
  std::vector<float> means(8, 0.5F);
  means[5] = correct ? 1.0F : -1.0F;
  means[2] = correct ? 9.0F : 1.0F;
  return {task, item, attempt, correct, means};
}

ContrastSpec contrast_spec() {
  return {"identify", "traces", {"tiny"}, {"add", "sort"}, 2, Polarity::require_flip};
}

TEST(ReduceContrast, FindsThePlantedNeuronForTaskAndPool) {
  SyntheticStore store;
  store.add_traces("traces", {planted("add", "0", 0, true), planted("add", "0", 1, false),
                              planted("sort", "0", 0, true), planted("sort", "0", 1, false)});

  const auto problems = reduce_contrast(store.db(), contrast_spec());

  EXPECT_THAT(problems, ElementsAre());
  const auto sets = read_critical_sets(store.db(), "identify");
  ASSERT_EQ(sets.size(), 3u);
  EXPECT_EQ(sets[0].task, kAllTasks);
  for (const CriticalSet& set : sets) {
    ASSERT_EQ(set.neurons.size(), 1u);
    EXPECT_EQ(set.neurons[0].id, (NeuronId{LayerIndex{1}, NeuronIndex{1}}));
    EXPECT_EQ(set.neurons[0].effect, 2);
    EXPECT_EQ(set.source, "contrast");
  }
}

TEST(ReduceContrast, StoresEveryNeuronAndMarksTheSelected) {
  SyntheticStore store;
  store.add_traces("traces", {planted("add", "0", 0, true), planted("add", "0", 1, false)});

  reduce_contrast(store.db(), contrast_spec());

  const auto rows = store.db().select<ContrastScoreRow>("WHERE task = 'add' ORDER BY layer, neuron");
  ASSERT_EQ(rows.size(), 8u);
  EXPECT_EQ(rows[5].rank_no, 1);
  EXPECT_EQ(rows[5].sign_flip, 1);
  EXPECT_EQ(rows[2].score, 8);
  EXPECT_EQ(rows[2].rank_no, std::nullopt);
}

TEST(ReduceContrast, SaysWhatToDoForATaskWithoutBothOutcomesAndGoesOn) {
  SyntheticStore store;
  store.add_traces("traces", {planted("add", "0", 0, true), planted("add", "0", 1, false),
                              planted("sort", "0", 0, true), planted("sort", "1", 0, false)});

  const auto problems = reduce_contrast(store.db(), contrast_spec());

  EXPECT_THAT(problems, ElementsAre(::testing::AllOf(HasSubstr("task 'sort'"), HasSubstr("2 usable traces"),
                                                     HasSubstr("raise attempts or temperature"))));
  EXPECT_EQ(read_critical_sets(store.db(), "identify").size(), 2u);
}

TEST(ReduceContrast, IgnoresTracesWithoutActivations) {
  SyntheticStore store;
  PlantedTrace bare = planted("add", "0", 0, true);
  bare.means.clear();
  store.add_traces("traces", {bare, planted("add", "0", 1, false)});

  EXPECT_THROW(reduce_contrast(store.db(), contrast_spec()), Error);
}

TEST(ReduceContrast, ReplacesItsOwnRowsWhenRunAgain) {
  SyntheticStore store;
  store.add_traces("traces", {planted("add", "0", 0, true), planted("add", "0", 1, false)});
  reduce_contrast(store.db(), contrast_spec());

  reduce_contrast(store.db(), contrast_spec());

  EXPECT_EQ(store.db().select<ContrastScoreRow>().size(), 16u);
}

TEST(ReduceContrast, WritesTheScoresOfTheSelectedAsTheirDirection) {
  SyntheticStore store;
  store.add_traces("traces", {planted("add", "0", 0, true), planted("add", "0", 1, false)});

  reduce_contrast(store.db(), contrast_spec());

  const auto rows = store.db().select<DirectionRow>("WHERE task = 'add'");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].layer, 1);
  EXPECT_EQ(rows[0].neuron, 1);
  EXPECT_EQ(rows[0].value, 2);
  EXPECT_EQ(rows[0].source, "contrast");
}

NeuronDirection two_layer_direction() {
  const auto id = [](int layer, int neuron) { return NeuronId{LayerIndex{layer}, NeuronIndex{neuron}}; };
  return {"tiny", "add", {{id(0, 3), -4, -4}, {id(1, 0), 3, 3}, {id(0, 1), 2, 2}}};
}

TEST(RandomDirection, HasOtherNeuronsOfTheSameLayersAndTheSameMagnitudes) {
  const NeuronDirection contrast = two_layer_direction();

  const NeuronDirection random = random_direction(contrast, 8, 5);

  std::map<int, std::multiset<double>> magnitudes;
  for (const PushedNeuron& neuron : random.neurons) {
    magnitudes[to_int(neuron.id.layer)].insert(std::abs(neuron.value));
    for (const PushedNeuron& own : contrast.neurons) EXPECT_NE(neuron.id, own.id);
  }
  EXPECT_EQ(magnitudes, (std::map<int, std::multiset<double>>{{0, {2, 4}}, {1, {3}}}));
  EXPECT_DOUBLE_EQ(direction_norm(random), direction_norm(contrast));
}

TEST(RandomDirection, DrawsBothSignsAndOtherNeuronsByItsSeed) {
  std::set<double> values;
  std::set<NeuronId> ids;

  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const PushedNeuron first = random_direction(two_layer_direction(), 8, seed).neurons.back();
    values.insert(first.value);
    ids.insert(first.id);
  }

  EXPECT_EQ(values, (std::set<double>{-3, 3}));
  EXPECT_EQ(ids.size(), 7u);
}

TEST(ReduceRandom, WritesAMatchedSetAndDirectionForTaskAndPool) {
  SyntheticStore store;
  store.add_traces("traces", {planted("add", "0", 0, true), planted("add", "0", 1, false),
                              planted("sort", "0", 0, true), planted("sort", "0", 1, false)});

  reduce_random(store.db(), contrast_spec(), 11);

  const auto rows = store.db().select<DirectionRow>();
  ASSERT_EQ(rows.size(), 3u);
  for (const DirectionRow& row : rows) {
    EXPECT_EQ(row.layer, 1);
    EXPECT_NE(row.neuron, 1);
    EXPECT_EQ(std::abs(row.value), 2);
    EXPECT_EQ(row.source, "random");
  }
  EXPECT_EQ(read_critical_sets(store.db(), "identify").size(), 3u);
  EXPECT_TRUE(store.db().select<ContrastScoreRow>().empty());
}

TEST(ReadCriticalSet, NamesTheSetsThereAreWhenOneIsMissing) {
  SyntheticStore store;
  store.add_traces("traces", {planted("add", "0", 0, true), planted("add", "0", 1, false)});
  reduce_contrast(store.db(), contrast_spec());

  try {
    read_critical_set(store.db(), "identify", "tiny", "sort");
    FAIL() << "a missing set was returned";
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), ErrorKind::input);
    EXPECT_THAT(failure.what(), HasSubstr("sets there: model 'tiny' task '*', model 'tiny' task 'add'"));
  }
}

}  // namespace
}  // namespace neurosweep
