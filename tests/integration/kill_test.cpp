#include <signal.h>

#include <chrono>
#include <random>

#include <gtest/gtest.h>

#include "tests/integration/ranks_at_work.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

class KilledStudyTest : public testing::StudyTest {};

TEST_F(KilledStudyTest, EndsWithTheHashOfAnUndisturbedRunAfterFiveRandomKills) {
  run_study(store("undisturbed"));
  const std::string hash = sound_hash(store("undisturbed"));
  std::mt19937 random(20261122);
  int kills = 0;
  int finished = 0;  // a study that ended before its kill is checked, and a new one begun

  for (int launch = 0; launch < 60 && kills < 5; ++launch) {
    const std::string dir = store(std::to_string(finished));
    auto words = testing::mpirun_words(1 + static_cast<int>(random() % 3));
    for (const std::string& word : {std::string("run"), write_study(), std::string("--store"), dir})
      words.push_back(word);
    const auto program = testing::start_and_wait_for_work(words, dir, static_cast<int>(random() % 3));
    if (!program->finished_within(std::chrono::milliseconds(random() % 300))) {
      testing::run_program({"pkill", "-KILL", "-f", dir});  // mpirun and every rank of it
    }
    if (program->wait() != 0) {
      ++kills;
    } else {
      EXPECT_EQ(sound_hash(dir), hash);
      ++finished;
    }
  }
  run_study(store(std::to_string(finished)));

  EXPECT_EQ(kills, 5);
  EXPECT_EQ(sound_hash(store(std::to_string(finished))), hash);
}

}  // namespace
}  // namespace neurosweep
