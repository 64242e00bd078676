// Whole studies with real ranks, each broken in one way.
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "framework/store/database.hpp"
#include "tests/fault/faulty_run.hpp"
#include "tests/integration/ranks_at_work.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::BackgroundProgram;
using testing::FaultSetting;
using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::run_neurosweep;
using testing::run_program;
using testing::words_with_fault;

constexpr const char* kSweepUnit = "200000:3";  // of the third experiment

class FaultyStudyTest : public testing::StudyTest {
 protected:
  std::vector<std::string> run_words(int ranks, const std::string& study, const std::string& dir) const {
    auto words = ranks > 1 ? testing::mpirun_words(ranks) : std::vector{testing::neurosweep_path()};
    for (const std::string& word : {std::string("run"), study, std::string("--store"), dir}) words.push_back(word);
    return words;
  }

  ProgramResult run_with(const std::vector<FaultSetting>& faults, int ranks = 1) const {
    return run_program(words_with_fault(faults, run_words(ranks, write_study(), store())));
  }

  std::string undisturbed_hash() const {
    run_study(store("undisturbed"));
    return sound_hash(store("undisturbed"));
  }

  /// The time of a whole study, in full seconds: no unit takes as long, though it loads the model, unless it hangs.
  std::int64_t seconds_of_a_study() const {
    const auto begin = std::chrono::steady_clock::now();
    run_study(store("timed"));
    return std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - begin).count();
  }
};

TEST_F(FaultyStudyTest, AUnitThatAlwaysCrashesIsLeftOutAfterThreeStartsAndTheOthersAreDone) {
  int crashes = 0;
  ProgramResult last;

  for (int start = 0; start < 6; ++start) {
    last = run_with({{"NS_FAULT_UNIT", kSweepUnit}, {"NS_FAULT_DO", std::to_string(SIGSEGV)}});
    if (last.status != 128 + SIGSEGV) break;
    ++crashes;
  }

  EXPECT_EQ(crashes, 3);
  EXPECT_EQ(last.status, exit_status::kFailedUnits) << last.err;
  EXPECT_THAT(last.err, HasSubstr("unit 3 of round 200000: the process of rank 0 in launch 3 ended by SIGSEGV"));
  const Json failures = query("SELECT unit, kind, message FROM unit_failure");
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(failures[0].at("kind"), "crash");
  EXPECT_EQ(run_neurosweep({"verify", store()}).status, exit_status::kFailedUnits);
  EXPECT_EQ(query("SELECT sum(n_units) - (SELECT count(*) FROM unit) AS missing FROM round")[0].at("missing"), 1);
}

TEST_F(FaultyStudyTest, AUnitThatKillsOneOfTwoRanksIsLeftOutToo) {
  int crashes = 0;
  ProgramResult last;

  for (int start = 0; start < 6; ++start) {
    last = run_with({{"NS_FAULT_UNIT", kSweepUnit}, {"NS_FAULT_DO", std::to_string(SIGKILL)}}, 2);
    if (last.status == exit_status::kFailedUnits) break;
    ++crashes;
  }

  EXPECT_EQ(crashes, 3);
  EXPECT_EQ(last.status, exit_status::kFailedUnits) << last.err;
  EXPECT_EQ(query("SELECT count(*) AS n FROM unit_failure WHERE unit = 3 AND round_id = 200000")[0].at("n"), 3);
}

TEST_F(FaultyStudyTest, AUnitThatCrashesOnceIsMeasuredByTheNextStart) {
  const std::string hash = undisturbed_hash();

  const auto crashed = run_with({{"NS_FAULT_UNIT", kSweepUnit}, {"NS_FAULT_DO", std::to_string(SIGABRT)}});
  run_study(store());

  EXPECT_EQ(crashed.status, 128 + SIGABRT);
  EXPECT_EQ(sound_hash(store()), hash);
}

// What identify finds follows from the traces: with the one that was left out, other neurons are suppressed.
TEST_F(FaultyStudyTest, WhatWasMeasuredForAnotherPlanIsMeasuredAgainWhenTheStoreIsLost) {
  const std::string hash = undisturbed_hash();
  const std::vector<FaultSetting> crash = {{"NS_FAULT_UNIT", "0:1"}, {"NS_FAULT_DO", std::to_string(SIGSEGV)}};
  for (int start = 0; start < 3; ++start) ASSERT_EQ(run_with(crash).status, 128 + SIGSEGV);
  ASSERT_EQ(run_with({}).status, exit_status::kFailedUnits);
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(store() + "/results.db" + part);

  const ProgramResult again = run_neurosweep({"run", write_study(), "--store", store(), "--retry-failed"});

  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("were measured for another plan"));
  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(FaultyStudyTest, AStrayRoundIsNotWaitedFor) {
  run_study(store());
  Connection(store() + "/results.db", Connection::Mode::write)
      .exec("INSERT INTO round VALUES(900000000, 'stray', 'sweep', 0, 'x', 1000000000000, '{}')");

  const ProgramResult again = run_study(store());

  EXPECT_THAT(again.err, HasSubstr("holds 1 rounds that the study does not plan now"));
}

TEST_F(FaultyStudyTest, AHungUnitIsNamedAndTheRunEndsForAnother) {
  const std::int64_t deadline = seconds_of_a_study();
  auto words = run_words(2, write_study(), store());
  words.insert(words.end(), {"--set", fmt::format("study.unit_deadline={}", deadline)});

  const auto hung = run_program(words_with_fault({{"NS_FAULT_UNIT", kSweepUnit}, {"NS_FAULT_DO", "hang"}}, words));
  const auto resumed = run_program(words);

  EXPECT_EQ(hung.status, exit_status::kCheckpointed) << hung.err;
  EXPECT_THAT(hung.err, HasSubstr("unit 3 on rank"));
  EXPECT_THAT(hung.err, HasSubstr(fmt::format("takes longer than its deadline of {} s", deadline)));
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(sound_hash(store()), sound_hash(store("timed")));
  EXPECT_EQ(query("SELECT message FROM unit_failure")[0].at("message"), "the process took longer than the deadline");
}

TEST_F(FaultyStudyTest, AFullDiskEndsTheRunWithItsStatusOnAnyRank) {
  const std::string hash = undisturbed_hash();

  for (int ranks : {1, 2}) {
    for (const char* file : {"shard-0.db-wal", "results.db-wal"}) {
      const auto full = run_with({{"NS_FAULT", "enospc"}, {"NS_FAULT_FILE", file}, {"NS_FAULT_AT", "12"}}, ranks);
      EXPECT_EQ(full.status, exit_status::kIo) << full.err << file;
      EXPECT_THAT(full.err, HasSubstr("free space or raise the quota, then run again; committed units are kept"));
    }
  }
  run_study(store());

  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(FaultyStudyTest, JumpsOfTheClockChangeNothing) {
  const std::string hash = undisturbed_hash();

  const auto run = run_with({{"NS_FAULT_CLOCK", "1"}}, 2);

  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(FaultyStudyTest, TwoLaunchesAtOnceBothFinish) {
  const std::string hash = undisturbed_hash();

  BackgroundProgram first(run_words(2, write_study(), store()));
  BackgroundProgram second(run_words(2, write_study(), store()));

  ASSERT_TRUE(first.finished_within(std::chrono::seconds(90)));
  ASSERT_TRUE(second.finished_within(std::chrono::seconds(90)));
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
  EXPECT_EQ(sound_hash(store()), hash);
  EXPECT_EQ(query("SELECT count(*) AS n FROM launch")[0].at("n"), 2);
}

TEST_F(FaultyStudyTest, LaunchesWithSharesDivideTheUnitsAndOneThatDiesIsReplacedByTheOthers) {
  const std::string hash = undisturbed_hash();
  const auto start_share = [&](const char* share) {
    auto words = run_words(1, write_study(), store());
    words.insert(words.end(), {"--share", share});
    return testing::start_and_wait_for_work(words, store());
  };

  const auto second = start_share("2/3");
  second->signal_group(SIGSTOP);  // until the others are at work, too
  const auto first = start_share("1/3");
  const auto third = start_share("3/3");
  second->signal_group(SIGKILL);

  EXPECT_EQ(second->wait(), 128 + SIGKILL);
  EXPECT_EQ(first->wait(), 0);
  EXPECT_EQ(third->wait(), 0);
  EXPECT_EQ(sound_hash(store()), hash);
  expect_few_units_twice();
}

TEST_F(FaultyStudyTest, AShareOnDevicesOfAnotherKindIsRefusedBeforeItMeasuresAnything) {
  auto share = run_words(1, write_study(), store());
  share.insert(share.end(), {"--share", "1/2"});
  ASSERT_EQ(run_program(share).status, 0);
  const std::string device = query("SELECT device FROM worker")[0].at("device").get<std::string>();
  ASSERT_EQ(run_program({"sqlite3", store() + "/results.db", "UPDATE worker SET device = 'cuda:1 NVIDIA A100'"}).status,
            0);

  const auto other = run_program(share);
  const auto alone = run_program(run_words(1, write_study(), store()));

  EXPECT_EQ(other.status, exit_status::kStore);
  EXPECT_THAT(other.err, HasSubstr("begun on cuda:1 NVIDIA A100, and this job has " + device));
  EXPECT_EQ(query("SELECT count(*) AS n FROM launch")[0].at("n"), 2);
  EXPECT_EQ(alone.status, 0) << alone.err;
}

// Changes a measured number in a finished shard and in results.db, behind the back of their checksums.
void spoil(const std::string& path) {
  const auto done = run_program({"sqlite3", path, "UPDATE trace SET logprob = logprob + 1 WHERE unit = 2"});
  ASSERT_EQ(done.status, 0) << done.err;
}

TEST_F(FaultyStudyTest, ASpoiledStoreIsFoundByVerifyAndMadeGoodByTheNextRun) {
  run_study(store());
  const std::string hash = sound_hash(store());
  spoil(store() + "/results.db");
  spoil(store() + "/launch-1/shard-0.db");

  const auto found = run_neurosweep({"verify", store()});
  const auto again = run_study(store());

  EXPECT_EQ(found.status, exit_status::kStore);
  EXPECT_THAT(found.out, HasSubstr("problem: unit 2 of round 0: rows have checksum"));
  EXPECT_THAT(found.out, HasSubstr("problem: launch-1/shard-0.db: unit 2 of round 0: rows have checksum"));
  EXPECT_THAT(again.err, HasSubstr("results.db is damaged"));
  EXPECT_THAT(again.out, HasSubstr("complete: 1 units in this launch; content hash " + hash));
  EXPECT_TRUE(fs::exists(store() + "/launch-1/shard-0.db.corrupt"));
  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(FaultyStudyTest, VerifySetsASpoiledShardAside) {
  run_study(store());
  const std::string hash = sound_hash(store());
  spoil(store() + "/launch-1/shard-0.db");

  const auto found = run_neurosweep({"verify", store()});
  const auto mended = run_neurosweep({"verify", store(), "--set-aside"});

  EXPECT_EQ(found.status, exit_status::kStore);
  EXPECT_EQ(mended.status, 0) << mended.out << mended.err;
  EXPECT_EQ(sound_hash(store()), hash);
}

TEST_F(FaultyStudyTest, AnySignalToStopOnOneRankDrainsAll) {
  const std::string hash = undisturbed_hash();

  for (const auto& [number, unit] : {std::pair(SIGUSR1, "0:0"), {SIGTERM, "200000:0"}, {SIGINT, "300000:0"}}) {
    const auto drained = run_with({{"NS_FAULT_UNIT", unit}, {"NS_FAULT_DO", std::to_string(number)}}, 3);
    EXPECT_EQ(drained.status, exit_status::kCheckpointed) << number << drained.err;
  }
  run_study(store());

  EXPECT_EQ(sound_hash(store()), hash);
  EXPECT_EQ(query("SELECT count(*) AS n FROM unit_failure")[0].at("n"), 0);
}

}  // namespace
}  // namespace neurosweep
