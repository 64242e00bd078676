#include <signal.h>

#include <chrono>
#include <random>

#include <gtest/gtest.h>

#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

class KilledStudyTest : public testing::StudyTest {};

TEST_F(KilledStudyTest, EndsWithTheHashOfAnUndisturbedRunAfterFiveRandomKills) {
  run_study(store("undisturbed"));
  const std::string hash = sound_hash(store("undisturbed"));
  std::mt19937 random(20261122);
  int kills = 0;

  for (int launch = 0; launch < 60 && kills < 5; ++launch) {
    auto words = testing::mpirun_words(1 + static_cast<int>(random() % 3));
    for (const std::string& word : {std::string("run"), write_study(), std::string("--store"), store()})
      words.push_back(word);
    testing::BackgroundProgram program(words);
    const std::chrono::milliseconds delay(500 + random() % 2500);
    if (program.finished_within(delay)) continue;
    testing::run_program({"pkill", "-KILL", "-f", store()});  // mpirun and every rank of it
    EXPECT_NE(program.wait(), 0);
    ++kills;
  }
  run_study(store());

  EXPECT_GE(kills, 1);
  EXPECT_EQ(sound_hash(store()), hash);
}

}  // namespace
}  // namespace neurosweep
