// Studies whose models are held by several ranks together.
#include <signal.h>

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "framework/store/database.hpp"
#include "tests/integration/ranks_at_work.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
using testing::mpirun_words;
using testing::ProgramResult;
using testing::run_program;

constexpr double kInParts = 1e-4;

class RanksPerModel : public testing::StudyTest {
 protected:
  std::vector<std::string> words(int ranks, const std::string& store_name) const {
    auto all = mpirun_words(ranks);
    for (const std::string& word : {std::string("run"), study_, std::string("--store"), store(store_name),
                                    std::string("--set"), std::string("study.ranks_per_model=2")}) {
      all.push_back(word);
    }
    return all;
  }

  std::string study_ = write_study({{"seed = 3", "seed = 4"}});
};

TEST_F(RanksPerModel, GivesTheSameRowsForAnyNumberOfGroupsAndAfterAKill) {
  ASSERT_EQ(run_program(words(2, "two")).status, 0);
  const std::string hash = sound_hash(store("two"));
  const auto killed = testing::start_and_wait_for_work(words(4, "four"), store("four"), 1);
  killed->signal_group(SIGKILL);
  ASSERT_EQ(killed->wait(), 128 + SIGKILL);

  auto bounded = words(4, "four");
  bounded.insert(bounded.end(), {"--set", "study.memory=2GiB"});  // cuts other batches, alike on all ranks
  const ProgramResult rest = run_program(bounded);

  ASSERT_EQ(rest.status, 0) << rest.err;
  EXPECT_EQ(sound_hash(store("four")), hash);
}

TEST_F(RanksPerModel, MeasuresWhatOneRankMeasures) {
  ASSERT_EQ(run_program(words(2, "parts")).status, 0);
  ASSERT_EQ(testing::run_neurosweep({"run", study_, "--store", store("whole")}).status, 0);
  auto blocks = [&](const char* name) {
    auto rows = Database::open_results(store(name), Database::Access::read).select<EffectBlockRow>();
    std::erase_if(rows, [](const EffectBlockRow& row) { return row.effects.empty(); });
    return rows;
  };

  const auto parts = blocks("parts"), whole = blocks("whole");

  ASSERT_FALSE(whole.empty());
  ASSERT_EQ(parts.size(), whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    ASSERT_EQ(parts[i].item, whole[i].item);
    ASSERT_EQ(parts[i].effects.size(), whole[i].effects.size());
    for (std::size_t k = 0; k < whole[i].effects.size(); ++k) {
      EXPECT_NEAR(parts[i].effects[k], whole[i].effects[k], kInParts);
    }
  }
}

TEST_F(RanksPerModel, ANumberOfRanksThatLeavesSomeOverIsRefused) {
  const ProgramResult result = run_program(words(3, "three"));

  EXPECT_EQ(result.status, exit_status::kInput);
  EXPECT_THAT(result.err,
              HasSubstr("[study] ranks_per_model = 2, but the run has 3 ranks: start it with a multiple of 2"));
}

TEST_F(RanksPerModel, AModelWithTooFewHeadsIsRefusedBeforeAnyWork) {
  const auto result = testing::run_neurosweep({"plan", study_, "--set", "study.ranks_per_model=8"});

  EXPECT_EQ(result.status, exit_status::kInput);
  EXPECT_THAT(result.err,
              HasSubstr("model 'small': a model with 4 query heads and 2 key heads cannot be cut into 8 parts"));
}

TEST_F(RanksPerModel, APlanTellsUnitsWithoutTimes) {
  const auto result = testing::run_neurosweep({"plan", study_, "--set", "study.ranks_per_model=2"});

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("no time, as 2 ranks hold each model together"));
}

}  // namespace
}  // namespace neurosweep
