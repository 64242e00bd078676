#include "framework/store/unit_journal.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "framework/store/merge.hpp"
#include "framework/store/suspicion.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::TempDir;

constexpr std::int32_t kHung = -1;

class UnitJournalTest : public ::testing::Test {
 protected:
  UnitJournalTest() { testing::make_example_store(dir_, 10); }

  // A launch of ranks 0, 1, ... that all vanish, each in one of the units.
  void vanish(int launch, const std::vector<std::int64_t>& units) const {
    begin_launch(launch, static_cast<std::int64_t>(units.size()));
    for (int rank = 0; rank < static_cast<int>(units.size()); ++rank) die_in_unit(launch, rank, units[rank]);
  }

  void begin_launch(int launch, std::int64_t ranks) const {
    Database results = Database::open_results(dir_, Database::Access::write);
    LaunchRow row;
    row.launch = launch;
    row.started_utc = utc_now();
    row.n_ranks = ranks;
    write_launch(results, row, {});
  }

  // A rank of a launch that is killed in a unit, with `last_word` said before.
  void die_in_unit(int launch, int rank, std::int64_t unit, std::int32_t last_word = 0) const {
    std::filesystem::create_directories(std::filesystem::path(journal_path(dir_, launch, rank)).parent_path());
    const pid_t child = fork();
    if (child == 0) {
      UnitJournal journal(dir_, launch, rank);
      journal.begin_unit(0, unit);
      const bool said = last_word == 0 || pwrite(journal.descriptor(), &last_word, 4, UnitJournal::kWordOffset) == 4;
      if (said) kill(getpid(), SIGKILL);
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  std::int64_t record() {
    Database results = Database::open_results(dir_, Database::Access::write);
    return record_crashes(results, dir_);
  }

  std::map<std::int64_t, std::int64_t> suspect_units() const {
    return suspicion_counts(Database::open_results(dir_, Database::Access::read), 0);
  }

  std::vector<std::int64_t> blamed() const {
    std::vector<std::int64_t> units;
    const Database results = Database::open_results(dir_, Database::Access::read);
    for (const auto& row : results.select<UnitFailureRow>("WHERE kind = 'crash' ORDER BY unit"))
      units.push_back(row.unit);
    return units;
  }

  TempDir temp_;
  std::string dir_ = temp_.file("store");
};

TEST_F(UnitJournalTest, AnEndInOrderLeavesNothing) {
  std::filesystem::create_directories(dir_ + "/launch-1");
  {
    UnitJournal journal(dir_, 1, 0);
    journal.begin_unit(0, 3);
    journal.end_unit();
  }

  EXPECT_THAT(list_journals(dir_), IsEmpty());
  EXPECT_EQ(record(), 0);
}

TEST_F(UnitJournalTest, AUnitIsBlamedForTheCrashOfItsProcess) {
  die_in_unit(1, 0, 3, SIGSEGV);

  EXPECT_EQ(record(), 1);

  const auto failures = Database::open_results(dir_, Database::Access::read).select<UnitFailureRow>();
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].unit, 3);
  EXPECT_EQ(failures[0].launch, 1);
  EXPECT_EQ(failures[0].kind, "crash");
  EXPECT_EQ(failures[0].message, "the process ended by SIGSEGV");
  EXPECT_THAT(list_journals(dir_), IsEmpty());
}

TEST_F(UnitJournalTest, AUnitPastItsDeadlineIsBlamed) {
  die_in_unit(1, 0, 3, kHung);
  die_in_unit(1, 1, 4, SIGTERM);

  record();

  EXPECT_THAT(blamed(), ElementsAre(3));
}

TEST_F(UnitJournalTest, OneRankThatVanishesWhileTheOthersAreToldToStopBlamesItsUnit) {
  die_in_unit(1, 0, 3, SIGTERM);
  die_in_unit(1, 1, 4);
  die_in_unit(1, 2, 5, SIGTERM);

  record();

  EXPECT_THAT(blamed(), ElementsAre(4));
}

TEST_F(UnitJournalTest, ALaunchThatVanishesAsAWholeMakesItsUnitsSuspectAndBlamesNone) {
  vanish(1, {3, 4});
  vanish(2, {5, 4});

  EXPECT_EQ(record(), 0);
  EXPECT_THAT(suspect_units(), ElementsAre(Pair(3, 1), Pair(4, 2), Pair(5, 1)));
  EXPECT_THAT(blamed(), IsEmpty());
  EXPECT_THAT(list_journals(dir_), IsEmpty());
}

TEST_F(UnitJournalTest, ASuspectThatIsDoneIsCleared) {
  vanish(1, {3, 4});
  record();

  testing::write_shard(dir_, 2, 0, {3});
  merge_shards(dir_);

  EXPECT_THAT(suspect_units(), ElementsAre(Pair(4, 1)));
}

TEST_F(UnitJournalTest, AUnitAtWorkInThreeLaunchesThatVanishedIsToBlameForAllThree) {
  for (const std::int64_t other : {3, 5, 6}) vanish(static_cast<int>(other), {other, 4});

  record();

  EXPECT_THAT(blamed(), ElementsAre(4, 4, 4));
  EXPECT_EQ(failure_counts(Database::open_results(dir_, Database::Access::read), 0).at(0).attempts, 3);
  EXPECT_THAT(suspect_units(), ElementsAre(Pair(3, 1), Pair(5, 1), Pair(6, 1)));
}

TEST_F(UnitJournalTest, ASuspectThatVanishesAloneIsToBlameForItsSuspicionsToo) {
  vanish(1, {3, 4});
  vanish(2, {5, 4});
  begin_launch(3, 2);
  die_in_unit(3, 0, 4);
  die_in_unit(3, 1, -1);

  record();

  EXPECT_THAT(blamed(), ElementsAre(4, 4, 4));
  EXPECT_EQ(failure_counts(Database::open_results(dir_, Database::Access::read), 0).at(0).attempts, 3);
}

TEST_F(UnitJournalTest, AGroupThatVanishesInItsOneUnitCountsOnce) {
  vanish(1, {4, 4});

  EXPECT_EQ(record(), 1);
  EXPECT_THAT(blamed(), ElementsAre(4));
}

TEST_F(UnitJournalTest, WhereARankEndedInOrderTheUnitsOfTheOthersAreInnocent) {
  begin_launch(1, 2);
  die_in_unit(1, 0, 3);  // rank 1 met a full disk, removed its journal and had the launcher kill rank 0

  EXPECT_EQ(record(), 0);
  EXPECT_THAT(suspect_units(), IsEmpty());
}

TEST_F(UnitJournalTest, JournalsFoundTwiceAreCountedOnce) {
  for (int i = 0; i < 4; ++i) {
    begin_launch(1 + i, 2);
    die_in_unit(1, 0, 3);
    die_in_unit(1, 1, 4);
    record();
  }

  EXPECT_THAT(suspect_units(), ElementsAre(Pair(3, 1), Pair(4, 1)));
}

TEST_F(UnitJournalTest, AJobThatIsToldToStopAndThenKilledBlamesNoUnit) {
  die_in_unit(1, 0, 3, SIGUSR1);
  die_in_unit(2, 0, 3, SIGTERM);
  die_in_unit(3, 0, 3, SIGINT);

  EXPECT_EQ(record(), 0);
}

TEST_F(UnitJournalTest, ThreeCrashesAreThreeAttempts) {
  for (int launch = 1; launch <= 3; ++launch) {
    vanish(launch, {7});
    record();
  }

  const auto counts = failure_counts(Database::open_results(dir_, Database::Access::read), 0);

  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[0].unit, 7);
  EXPECT_EQ(counts[0].attempts, 3);
}

TEST_F(UnitJournalTest, JournalsOfLivingProcessesAreLeftAlone) {
  std::filesystem::create_directories(dir_ + "/launch-1");
  UnitJournal journal(dir_, 1, 0);
  journal.begin_unit(0, 2);
  die_in_unit(1, 1, 4, SIGSEGV);

  EXPECT_EQ(record(), 0);
  EXPECT_EQ(list_journals(dir_).size(), 2u);
}

TEST_F(UnitJournalTest, ATornOrSpoiledJournalBlamesNothing) {
  std::filesystem::create_directories(dir_ + "/launch-1");
  testing::write_file(journal_path(dir_, 1, 0), "");
  testing::write_file(journal_path(dir_, 1, 1), "half");

  EXPECT_EQ(record(), 0);
  EXPECT_THAT(list_journals(dir_), IsEmpty());
}

}  // namespace
}  // namespace neurosweep
