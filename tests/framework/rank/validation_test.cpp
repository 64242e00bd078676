#include "framework/rank/validation.hpp"

#include <map>
#include <vector>

#include <gmock/gmock.h>

#include "framework/rank/set_effects.hpp"
#include "tests/framework/rank/synthetic_store.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using testing::PlantedOutcome;
using testing::SyntheticStore;

/// Items that a set makes wrong, by set and task.
using Harm = std::map<std::string, std::map<std::string, int>>;

/// 40 items of either task, all right untouched and under the random sets.
void add_validation(SyntheticStore& store, const Harm& harm) {
  std::vector<PlantedOutcome> outcomes;
  for (const std::string task : {"add", "sort"}) {
    for (int item = 0; item < 40; ++item) {
      outcomes.push_back({task, std::to_string(item), kBaselineArm, true});
      for (const auto& [set, wrong] : harm) {
        outcomes.push_back({task, std::to_string(item), validation_arm(set), item >= wrong.at(task)});
        for (int i = 0; i < 2; ++i) outcomes.push_back({task, std::to_string(item), validation_arm(set, i), true});
      }
    }
  }
  store.add_outcomes("across", outcomes);
  const auto round = store.db().select<RoundRow>("WHERE experiment = 'across'").front().round_id;
  std::vector<SetMemberRow> members;
  for (const auto& [set, wrong] : harm) {
    for (const std::string task : {"add", "sort"}) {
      for (int neuron = 0; neuron < 3; ++neuron) {
        members.push_back({round, validation_arm(set), "tiny", task, 0, neuron, "zero", 0, "all"});
      }
    }
  }
  store.db().insert(members);
}

std::map<std::string, std::string> classes(SyntheticStore& store) {
  std::map<std::string, std::string> result;
  for (const auto& row : store.db().select<ValidationClassRow>()) result[row.set_task] = row.class_name;
  return result;
}

TEST(ReduceValidation, TellsGeneralFromSpecificSets) {
  SyntheticStore store;
  add_validation(
      store,
      {{"*", {{"add", 20}, {"sort", 25}}}, {"add", {{"add", 20}, {"sort", 0}}}, {"sort", {{"add", 20}, {"sort", 2}}}});

  reduce_validation(store.db(), "across");

  EXPECT_THAT(classes(store), ElementsAre(Pair("*", "general"), Pair("add", "specific"), Pair("sort", "partial")));
  const auto own = store.db().select<ValidationEffectRow>("WHERE set_task = 'add' AND task = 'add'").at(0);
  EXPECT_EQ(own.n, 40);
  EXPECT_EQ(own.n_random_sets, 2);
  EXPECT_DOUBLE_EQ(own.difference, -0.5);
  EXPECT_EQ(own.hurts, 1);
  EXPECT_GT(own.holm_p, own.p);
  EXPECT_EQ(store.db().select<ValidationClassRow>("WHERE set_task = 'add'").at(0).n_neurons, 3);
}

TEST(ReduceValidation, CallsASetThatHurtsNothingNone) {
  SyntheticStore store;
  add_validation(store, {{"add", {{"add", 1}, {"sort", 0}}}});

  reduce_validation(store.db(), "across");

  EXPECT_THAT(classes(store), ElementsAre(Pair("add", "none")));
}

TEST(ReduceValidation, ReplacesItsOwnRowsWhenRunAgain) {
  SyntheticStore store;
  add_validation(store, {{"add", {{"add", 20}, {"sort", 20}}}});

  reduce_validation(store.db(), "across");
  reduce_validation(store.db(), "across");

  EXPECT_EQ(store.db().select<ValidationEffectRow>().size(), 2u);
}

}  // namespace
}  // namespace neurosweep
