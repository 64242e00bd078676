#include "framework/store/merge.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "framework/store/verify.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using testing::all_units;
using ::testing::ElementsAre;
using testing::error_of;
using testing::example_hash;
using testing::example_rows;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TempDir;
using testing::write_shard;

class MergeTest : public ::testing::Test {
 protected:
  MergeTest() { testing::make_example_store(dir_, 10); }

  Database results() const { return Database::open_results(dir_, Database::Access::read); }
  ShardWriter make_writer(int launch, int rank) const {
    return ShardWriter(shard_path(dir_, launch, rank), make_study_id(testing::example_identity()), launch, rank);
  }

  void write_other_plan(int launch, const std::vector<std::int64_t>& units) const {
    ShardWriter writer = make_writer(launch, 0);
    for (std::int64_t unit : units) writer.append(0, unit, unit_hash("plan-0", unit), example_rows(unit + 1), 0.1);
  }

  TempDir temp_;
  std::string dir_ = temp_.file("store");
};

TEST_F(MergeTest, FoldsAllShards) {
  write_shard(dir_, 1, 0, {0, 2, 4, 6, 8});
  write_shard(dir_, 1, 1, {9, 7, 5, 3, 1});

  const MergeReport report = merge_shards(dir_);

  EXPECT_EQ(report.shards, 2);
  EXPECT_EQ(report.units_added, 10);
  EXPECT_EQ(finished_units(results(), 0), all_units(10));
  EXPECT_TRUE(pending_units(results(), 0).empty());
}

TEST_F(MergeTest, MergingTheSameShardTwiceAddsNoRow) {
  write_shard(dir_, 1, 0, all_units(10));
  merge_shards(dir_);
  const auto traces = results().select<TraceRow>().size();

  const MergeReport again = merge_shards(dir_);

  EXPECT_EQ(again.units_added, 0);
  EXPECT_EQ(again.units_known, 10);
  EXPECT_EQ(results().select<TraceRow>().size(), traces);
}

TEST_F(MergeTest, ContentIsTheSameForAnySplitOverRanksAndLaunches) {
  const std::string other = temp_.file("other");
  const std::string expected = testing::make_merged_store(other, 10);
  write_shard(dir_, 1, 1, {5, 1});
  write_shard(dir_, 1, 0, {2, 9, 0});
  write_shard(dir_, 2, 0, {3, 4, 6, 7, 8});

  merge_shards(dir_);

  EXPECT_EQ(content_hash(results()), expected);
}

TEST_F(MergeTest, AUnitMeasuredTwiceAlikeIsKeptOnce) {
  write_shard(dir_, 1, 0, {0, 1, 2});
  write_shard(dir_, 2, 0, {2, 3});

  const MergeReport report = merge_shards(dir_);

  EXPECT_EQ(report.units_added, 4);
  EXPECT_EQ(report.units_known, 1);
}

TEST_F(MergeTest, AUnitMeasuredTwiceDifferentlyIsAnErrorThatNamesBothShards) {
  write_shard(dir_, 1, 0, {0, 1, 2});
  ShardWriter writer = make_writer(2, 3);
  writer.append(0, 2, example_hash(2), example_rows(7), 0.1);
  writer.close();

  const std::string message = error_of(ErrorKind::store, [&] { merge_shards(dir_); });

  EXPECT_THAT(message, HasSubstr("unit 2 of round 0"));
  EXPECT_THAT(message, HasSubstr("launch-1/shard-0.db"));
  EXPECT_THAT(message, HasSubstr("launch-2/shard-3.db"));
  EXPECT_THAT(message, HasSubstr("trace 0: item is 'item-2' and 'item-7'"));
  EXPECT_EQ(finished_units(results(), 0), all_units(3));
}

TEST_F(MergeTest, UnitsOfAnotherPlanThanTheRoundsStayInTheirShard) {
  write_other_plan(1, {0, 1, 2});
  write_shard(dir_, 2, 0, {2, 3});

  const MergeReport report = merge_shards(dir_);

  EXPECT_EQ(report.units_of_other_plans, 3);
  EXPECT_EQ(finished_units(results(), 0), (std::vector<std::int64_t>{2, 3}));
  EXPECT_THAT(verify_store(dir_).problems, IsEmpty());
}

TEST_F(MergeTest, WithoutAPlanTheUnitsOfTheLastLaunchAreKept) {
  write_shard(dir_, 1, 0, {0, 1});
  write_other_plan(2, {1, 2});
  write_shard(dir_, 3, 0, {2, 3});
  std::filesystem::remove(results_path(dir_));
  { create_or_open_results(dir_, testing::example_identity()); }

  const MergeReport report = merge_shards(dir_);

  EXPECT_EQ(report.units_of_other_plans, 2);
  EXPECT_EQ(finished_units(results(), 0), all_units(4));
  EXPECT_EQ(results().select<UnitRow>("WHERE content_hash = ?", {example_hash(2)}).size(), 1u);
  EXPECT_EQ(results().select<UnitRow>("WHERE content_hash = ?", {unit_hash("plan-0", 1)}).size(), 1u);
}

TEST_F(MergeTest, UnitsMeasuredForAnotherPlanAreNotDoneOnceTheRoundIsPlanned) {
  write_other_plan(1, {0, 1, 2});
  write_shard(dir_, 2, 0, {4});
  std::filesystem::remove(results_path(dir_));
  {
    Database db = create_or_open_results(dir_, testing::example_identity());
    merge_shards(dir_);
    testing::plan_example_round(db, 10);
  }

  EXPECT_THAT(pending_units(results(), 0), ElementsAre(0, 1, 2, 3, 5, 6, 7, 8, 9));
  EXPECT_EQ(count_pending_units(results(), 0), 9);
  EXPECT_EQ(results().select<TraceRow>("WHERE unit <> 4").size(), 0u);
  EXPECT_THAT(verify_store(dir_).problems, IsEmpty());
  write_shard(dir_, 3, 0, pending_units(results(), 0));
  merge_shards(dir_);
  EXPECT_EQ(content_hash(results()), testing::make_merged_store(temp_.file("undisturbed"), 10));
}

TEST_F(MergeTest, AShardWithASpoiledUnitIsSetAsideAndItsOtherUnitsAreKept) {
  write_shard(dir_, 1, 0, all_units(10));
  Connection(shard_path(dir_, 1, 0), Connection::Mode::write).exec("UPDATE trace SET logprob = 1 WHERE unit = 4");

  const MergeReport report = merge_shards(dir_);

  EXPECT_EQ(report.units_added, 9);
  EXPECT_EQ(report.units_damaged, 1);
  EXPECT_THAT(report.quarantined, ElementsAre("launch-1/shard-0.db"));
  EXPECT_THAT(pending_units(results(), 0), ElementsAre(4));
}

TEST_F(MergeTest, TakesWhatALiveWriterCommittedAndTheRestLater) {
  ShardWriter writer = make_writer(1, 0);
  writer.append(0, 0, example_hash(0), example_rows(0), 0.1);
  writer.commit();
  writer.append(0, 1, example_hash(1), example_rows(1), 0.1);

  const MergeReport first = merge_shards(dir_);
  writer.append(0, 2, example_hash(2), example_rows(2), 0.1);
  writer.close();
  const MergeReport second = merge_shards(dir_);

  EXPECT_EQ(first.units_added, 1);
  EXPECT_EQ(second.units_added, 2);
  EXPECT_EQ(second.units_known, 1);
}

TEST_F(MergeTest, SkipsAShardThatAnotherProcessLocks) {
  write_shard(dir_, 1, 0, {0});
  write_shard(dir_, 1, 1, {1});
  const Connection holder(shard_path(dir_, 1, 0), Connection::Mode::write);
  holder.exec("PRAGMA locking_mode=EXCLUSIVE");
  holder.exec("BEGIN EXCLUSIVE");

  const MergeReport report = merge_shards(dir_);

  EXPECT_THAT(report.busy, ElementsAre("launch-1/shard-0.db"));
  EXPECT_EQ(report.units_added, 1);
}

TEST_F(MergeTest, RefusesAShardOfAnotherStudy) {
  ShardWriter(shard_path(dir_, 1, 0), "other-study", 1, 0).close();

  const std::string message = error_of(ErrorKind::store, [&] { merge_shards(dir_); });

  EXPECT_THAT(message, HasSubstr("shard-0.db: is a shard of study other-study"));
}

TEST_F(MergeTest, RefusesAShardOfANewerVersion) {
  write_shard(dir_, 1, 0, {0});
  Connection(shard_path(dir_, 1, 0), Connection::Mode::write).exec("PRAGMA user_version=99");

  const std::string message = error_of(ErrorKind::store, [&] { merge_shards(dir_); });

  EXPECT_THAT(message, HasSubstr("newer neurosweep (schema 99"));
}

TEST_F(MergeTest, BringsFailuresAlongOnce) {
  ShardWriter writer = make_writer(1, 0);
  writer.fail(0, 4, 1, error(ErrorKind::device, "out of memory"));
  writer.fail(0, 4, 2, error(ErrorKind::device, "out of memory"));
  writer.close();

  const MergeReport first = merge_shards(dir_);
  const MergeReport second = merge_shards(dir_);

  EXPECT_EQ(first.failures_added, 2);
  EXPECT_EQ(second.failures_added, 0);
  const auto counts = failure_counts(results(), 0);
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[0].unit, 4);
  EXPECT_EQ(counts[0].attempts, 2);
}

TEST_F(MergeTest, AnAttemptThatSeveralRanksOrJobsFailedCountsOnce) {
  for (const auto& [launch, rank] : {std::pair{1, 0}, {1, 1}, {2, 0}}) {
    ShardWriter writer = make_writer(launch, rank);
    writer.fail(0, 4, 1, error(ErrorKind::device, "out of memory"));
  }

  EXPECT_EQ(merge_shards(dir_).failures_added, 3);
  const auto counts = failure_counts(results(), 0);

  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[0].attempts, 1);
}

TEST_F(MergeTest, IgnoresAShardThatWasNeverFinished) {
  testing::write_file(dir_ + "/launch-1.txt", "not a launch");
  std::filesystem::create_directories(dir_ + "/launch-1");
  testing::write_file(dir_ + "/launch-1/shard-0.db.new", "half made");

  EXPECT_EQ(merge_shards(dir_).shards, 0);
}

TEST(Merge, NeedsAStore) {
  const TempDir dir;

  const std::string message = error_of(ErrorKind::io, [&] { merge_shards(dir.path().native()); });

  EXPECT_THAT(message, HasSubstr("results.db: is not there"));
}

}  // namespace
}  // namespace neurosweep
