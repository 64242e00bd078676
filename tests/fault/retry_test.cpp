// Units that failed three times, and succeed when they are tried again with --retry-failed.
#include <signal.h>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "tests/fault/faulty_run.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

using testing::FaultSetting;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ProgramResult;
using testing::run_program;
using testing::words_with_fault;

// A predict experiment whose second round needs the whole of its first, and one that needs nothing of it.
const std::string kPredictStudy = testing::study_head("foretell", {"sort"}) + R"([[experiment]]
kind = "predict"
items = 12
features = 8
hidden = 4
epochs = 2
items_per_unit = 5

[[experiment]]
kind = "trace"
items = 4
attempts = 2
items_per_unit = 2
)";

class RetryTest : public testing::StudyTest {
 protected:
  std::vector<std::string> run_words(const std::string& study, const std::string& dir, int ranks = 1) const {
    auto words = ranks > 1 ? testing::mpirun_words(ranks) : std::vector{testing::neurosweep_path()};
    for (const std::string& word : {std::string("run"), study, std::string("--store"), dir}) words.push_back(word);
    return words;
  }

  std::string undisturbed_hash(const std::string& study) const {
    const auto run = run_program(run_words(study, store("undisturbed")));
    EXPECT_EQ(run.status, 0) << run.err;
    return sound_hash(store("undisturbed"));
  }

  // Runs a study whose unit ("round:unit") crashes until it is left out and all else is done.
  void run_without(const std::string& unit, const std::string& study, const std::string& dir) const {
    const std::vector<FaultSetting> crash = {{"NS_FAULT_UNIT", unit}, {"NS_FAULT_DO", std::to_string(SIGSEGV)}};
    for (int start = 0; start < 3; ++start) {
      ASSERT_EQ(run_program(words_with_fault(crash, run_words(study, dir))).status, 128 + SIGSEGV);
    }
    const auto last = run_program(run_words(study, dir));
    ASSERT_EQ(last.status, exit_status::kFailedUnits) << last.err;
  }

  ProgramResult retry(const std::string& study, const std::string& dir, int ranks = 1,
                      const std::vector<FaultSetting>& faults = {}) const {
    auto words = run_words(study, dir, ranks);
    words.emplace_back("--retry-failed");
    return run_program(words_with_fault(faults, words));
  }
};

TEST_F(RetryTest, WhatWasPlannedWithoutAUnitIsMeasuredAnewWithIt) {
  const std::string study = write_study();
  const std::string hash = undisturbed_hash(study);

  for (int ranks : {1, 2}) {
    const std::string dir = store(std::to_string(ranks));
    run_without("0:1", study, dir);

    const auto retried = retry(study, dir, ranks);
    const auto again = run_program(run_words(study, dir, ranks));

    EXPECT_EQ(retried.status, 0) << retried.err;
    EXPECT_THAT(retried.err, HasSubstr("1 units that failed are tried again"));
    EXPECT_THAT(retried.err, HasSubstr("round 0 of 'sweep' comes out otherwise"));
    EXPECT_EQ(sound_hash(dir), hash);
    EXPECT_THAT(again.out, HasSubstr("complete: 0 units"));
  }
}

TEST_F(RetryTest, ARoundMoreLeavesTheOtherExperimentsAsTheyAre) {
  const std::string study = write_text("predict.toml", kPredictStudy);
  const std::string hash = undisturbed_hash(study);

  for (int ranks : {1, 2}) {
    const std::string dir = store(std::to_string(ranks));
    run_without("0:1", study, dir);

    const auto retried = retry(study, dir, ranks);

    EXPECT_EQ(retried.status, 0) << retried.err;
    EXPECT_THAT(retried.err, Not(HasSubstr("comes out otherwise")));
    EXPECT_EQ(sound_hash(dir), hash);
    EXPECT_EQ(query("SELECT count(*) AS n FROM unit JOIN round USING (round_id) WHERE kind = 'trace' AND launch > 4",
                    std::to_string(ranks))[0]
                  .at("n"),
              0);
  }
}

TEST_F(RetryTest, AnExperimentKilledInItsSecondRoundGoesOnThere) {
  const std::string study = write_text("predict.toml", kPredictStudy);
  const std::string hash = undisturbed_hash(study);
  const std::vector<FaultSetting> kill = {{"NS_FAULT_UNIT", "1:1"}, {"NS_FAULT_DO", std::to_string(SIGKILL)}};
  ASSERT_EQ(run_program(words_with_fault(kill, run_words(study, store()))).status, 128 + SIGKILL);

  const auto resumed = run_program(run_words(study, store()));

  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(RetryTest, KilledWhileRoundsAreDroppedTheNextRunEndsTheSame) {
  const std::string study = write_study();
  const std::string hash = undisturbed_hash(study);
  run_without("0:1", study, store());

  int kills = 0;
  for (int at = 1; at < 60; at += 4) {
    const auto killed =
        retry(study, store(), 1,
              {{"NS_FAULT", "kill"}, {"NS_FAULT_FILE", "results.db"}, {"NS_FAULT_AT", std::to_string(at)}});
    kills += killed.status == 128 + SIGKILL ? 1 : 0;
  }
  const auto last = retry(study, store());

  EXPECT_EQ(last.status, 0) << last.err;
  EXPECT_GE(kills, 3);
  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(RetryTest, ALostResultsFileIsMadeAnewWithNothingThatWasDropped) {
  const std::string study = write_study();
  const std::string hash = undisturbed_hash(study);
  run_without("0:1", study, store());
  ASSERT_EQ(retry(study, store()).status, 0);
  for (const char* part : {"", "-wal", "-shm"}) ::unlink((store() + "/results.db" + part).c_str());

  const auto anew = run_program(run_words(study, store()));

  EXPECT_EQ(anew.status, 0) << anew.err;
  EXPECT_THAT(anew.out, HasSubstr("complete: 0 units"));
  EXPECT_EQ(sound_hash(store()), hash);
}

}  // namespace
}  // namespace neurosweep
