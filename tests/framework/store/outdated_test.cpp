#include "framework/store/outdated.hpp"

#include <gmock/gmock.h>

#include "framework/store/folder.hpp"
#include "framework/store/merge.hpp"
#include "framework/store/unit_journal.hpp"
#include "framework/store/verify.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using testing::all_units;
using testing::error_of;
using testing::example_hash;
using testing::example_rows;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const RoundRow kFirst{0, "trace", "trace", 0, "plan-1", 3, "{}"};
const RoundRow kSecond{100000, "sweep", "sweep", 0, "plan-1", 2, "{}"};
const RoundRow kSecondAnew{100000, "sweep", "sweep", 0, "plan-2", 2, "{}"};

// A store whose launch 1 measured unit 0 and 1 of the first round, failed unit 2, and measured the second round.
class OutdatedTest : public ::testing::Test {
 protected:
  OutdatedTest() {
    write_round(db_, kFirst);
    write_round(db_, kSecond);
    measure({{0, 0}, {0, 1}, {100000, 0}, {100000, 1}});
  }

  // A launch of its own for these (round, unit), merged.
  int measure(const std::vector<std::pair<std::int64_t, std::int64_t>>& units) {
    const int launch = claim_launch(dir_, last_launch(db_));
    ShardWriter writer(shard_path(dir_, launch, 0), make_study_id(testing::example_identity()), launch, 0);
    for (const auto& [round, unit] : units) writer.append(round, unit, example_hash(unit), example_rows(unit), 0.1);
    if (launch == 1) writer.fail(0, 2, 1, error(ErrorKind::device, "out of memory"));
    writer.close();
    merge_shards(dir_);
    return launch;
  }

  std::int64_t rows(const std::string& table) const {
    return db_.connection().integer("SELECT count(*) FROM " + table + " WHERE round_id = 100000");
  }

  testing::TempDir temp_;
  std::string dir_ = temp_.file("store");
  Database db_ = create_or_open_results(dir_, testing::example_identity());
};

TEST_F(OutdatedTest, ARoundPlannedWithoutAUnitIsDroppedForGood) {
  const int retry = measure({{0, 2}});

  drop_outdated(db_, {dir_, retry}, kSecondAnew);
  const MergeReport merged = merge_shards(dir_);

  EXPECT_EQ(merged.units_added + merged.failures_added, 0);
  for (const char* table : {"round", "unit", "trace", "outcome", "effect_block"}) EXPECT_EQ(rows(table), 0) << table;
  EXPECT_THAT(finished_units(db_, 0), ::testing::ElementsAre(0, 1, 2));
  write_round(db_, kSecondAnew);
  EXPECT_EQ(pending_units(db_, 100000).size(), 2U);
  EXPECT_THAT(verify_store(dir_).problems, IsEmpty());
}

TEST_F(OutdatedTest, ForgottenFailuresStayForgotten) {
  forget_failures(db_);
  const int retry = measure({{0, 2}});

  drop_outdated(db_, {dir_, retry}, kSecondAnew);

  EXPECT_EQ(merge_shards(dir_).failures_added, 0);
}

TEST_F(OutdatedTest, ARoundThatComesOutTheSameIsKept) {
  const int retry = measure({{0, 2}});

  drop_outdated(db_, {dir_, retry}, kSecond);

  EXPECT_EQ(rows("unit"), 2);
}

TEST_F(OutdatedTest, ADifferentPlanFromTheSameResultsIsLeftToBeRefused) {
  drop_outdated(db_, {dir_, 2}, kSecondAnew);

  EXPECT_EQ(rows("unit"), 2);
  EXPECT_THAT(error_of(ErrorKind::store, [&] { write_round(db_, kSecondAnew); }), HasSubstr("run with --retry-failed"));
}

TEST_F(OutdatedTest, ARoundThatIsNoLongerPlannedIsDroppedAndTheNextExperimentIsNot) {
  write_round(db_, {200000, "suppress", "suppress", 0, "plan-1", 1, "{}"});
  measure({{200000, 0}});
  const int retry = measure({{0, 2}});

  drop_outdated_between(db_, {dir_, retry}, 100000, 200000);

  EXPECT_EQ(rows("unit"), 0);
  EXPECT_EQ(finished_units(db_, 200000).size(), 1U);
}

TEST_F(OutdatedTest, NothingIsDroppedWhileAnotherLaunchIsAtWork) {
  const int retry = measure({{0, 2}});
  const UnitJournal own(dir_, retry, 0);
  const int other = claim_launch(dir_, retry);
  const UnitJournal journal(dir_, other, 0);

  const std::string message = error_of(ErrorKind::store, [&] { drop_outdated(db_, {dir_, retry}, kSecondAnew); });

  EXPECT_THAT(message,
              HasSubstr(fmt::format("launch {} is at work on this store: run again when it has ended", other)));
  EXPECT_EQ(rows("unit"), 2);
}

}  // namespace
}  // namespace neurosweep
