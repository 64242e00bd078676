// A short run, made to go wrong at the changes that it makes to files: before, within and after each unit's
// transaction, in the merge, in the schema's migration. After each, the next run ends with the undisturbed content.
// Every change is tried by some kind of fault; the kinds take turns, to save time.
#include <filesystem>

#include <gmock/gmock.h>

#include "framework/base/error.hpp"
#include "framework/store/verify.hpp"
#include "tests/fault/faulty_run.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::Eq;
using testing::FaultSetting;
using ::testing::IsEmpty;
using testing::ProgramResult;
using testing::run_program;
using testing::TempDir;
using testing::words_with_fault;

constexpr std::int64_t kUnits = 12;
constexpr int kKilled = 128 + 9;

class EveryChangeTest : public ::testing::Test {
 protected:
  // Words of store_launch, run with the shim in any case: it saves the time of syncing.
  ProgramResult launch(const std::vector<std::string>& more, std::vector<FaultSetting> faults = {}) const {
    faults.push_back({"NS_FAULT_FILE", dir_});
    std::vector<std::string> words = {NS_STORE_LAUNCH, dir_, std::to_string(kUnits)};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words_with_fault(faults, words));
  }

  void begin_anew() {
    fs::remove_all(dir_);
    if (!made_by_.empty()) {
      EXPECT_EQ(launch(made_by_).status, 0);
    }
  }

  // Changes to files of the store in an undisturbed run.
  int count_changes() {
    begin_anew();
    const ProgramResult result = launch({}, {{"NS_FAULT_COUNT", temp_.file("count")}});
    EXPECT_EQ(result.status, 0) << result.err;
    return std::stoi(testing::read_file(temp_.file("count")));
  }

  ProgramResult launch_with(const std::string& fault, int at) {
    begin_anew();
    return launch({}, {{"NS_FAULT", fault}, {"NS_FAULT_AT", std::to_string(at)}});
  }

  void expect_undisturbed_content_after_resume(const std::string& where) {
    const ProgramResult resumed = launch({});
    ASSERT_EQ(resumed.status, 0) << where << ": " << resumed.err;
    EXPECT_EQ(resumed.out, expected_ + "\n") << where;
    const VerifyReport report = verify_store(dir_);
    EXPECT_THAT(report.problems, IsEmpty()) << where;
    EXPECT_EQ(report.units_missing, 0) << where;
  }

  // Ends the process at each `step`-th change.
  void die_at_every_change(const std::string& fault, int first, int step) {
    const int changes = count_changes();
    for (int at = first; at <= changes; at += step) {
      const std::string where = fmt::format("{} at change {} of {}", fault, at, changes);
      EXPECT_EQ(launch_with(fault, at).status, kKilled) << where;
      expect_undisturbed_content_after_resume(where);
    }
    EXPECT_GT(changes, 40);
  }

  // Refuses every change from one on: the run ends with the status of file errors and names what failed.
  void refuse_from_every_change(const std::string& fault, const std::string& why, int first, int step) {
    const int changes = count_changes();
    int refused = 0;
    for (int at = first; at <= changes; at += step) {
      const std::string where = fmt::format("{} from change {} of {}", fault, at, changes);
      const ProgramResult result = launch_with(fault, at);
      EXPECT_THAT(result.status, AnyOf(Eq(0), Eq(exit_status::kIo))) << where << ": " << result.err;
      if (result.status != 0) {
        ++refused;
        EXPECT_THAT(result.err, ContainsRegex(dir_ + ".*" + why)) << where;
      }
      expect_undisturbed_content_after_resume(where);
    }
    EXPECT_GT(refused, changes / step / 2);
  }

  TempDir temp_;
  std::string dir_ = temp_.file("store");
  std::string expected_ = testing::make_merged_store(temp_.file("undisturbed"), kUnits);
  std::vector<std::string> made_by_ = {"plan"};  // what is done before the run that is disturbed
};

TEST_F(EveryChangeTest, KilledBeforeAnyChangeTheNextRunEndsTheSame) {
  die_at_every_change("kill", 1, 2);
}

TEST_F(EveryChangeTest, KilledWithinAnyWriteTheNextRunEndsTheSame) {
  die_at_every_change("torn", 1, 4);
}

TEST_F(EveryChangeTest, AfterAPowerCutAtAnyChangeTheNextRunEndsTheSame) {
  die_at_every_change("power", 2, 4);
}

TEST_F(EveryChangeTest, KilledInTheFirstStartTheNextRunEndsTheSame) {
  made_by_.clear();
  die_at_every_change("kill", 1, 5);
}

TEST_F(EveryChangeTest, KilledInAMigrationTheNextRunEndsTheSame) {
  made_by_ = {"age", "6"};
  die_at_every_change("kill", 2, 5);
}

TEST_F(EveryChangeTest, AFullDiskStopsTheRunInOrderAndNothingIsLost) {
  refuse_from_every_change("enospc", "(disk is full|No space left on device|has space)", 3, 4);
}

TEST_F(EveryChangeTest, AFailingDiskStopsTheRunInOrderAndNothingIsLost) {
  refuse_from_every_change("eio", "(disk I/O error|Input/output error)", 4, 4);
}

}  // namespace
}  // namespace neurosweep
