#include "framework/store/status.hpp"

#include <gmock/gmock.h>

#include "framework/store/merge.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using testing::example_hash;
using testing::example_rows;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TempDir;

class StatusTest : public ::testing::Test {
 protected:
  StatusTest() { testing::make_example_store(dir_, 10); }

  TempDir temp_;
  std::string dir_ = temp_.file("store");
};

TEST_F(StatusTest, CountsMergedAndUnmergedUnitsOnce) {
  testing::write_shard(dir_, 1, 0, {0, 1, 2});
  merge_shards(dir_);
  testing::write_shard(dir_, 2, 0, {2, 3});

  const StatusReport report = read_status(dir_);

  ASSERT_EQ(report.rounds.size(), 1u);
  EXPECT_EQ(report.rounds[0].done, 4);
  EXPECT_EQ(report.rounds[0].pending, 6);
  EXPECT_DOUBLE_EQ(report.rounds[0].seconds, 4 * 0.125);
  EXPECT_THAT(report.unmerged_shards, ElementsAre("launch-2/shard-0.db"));
}

TEST_F(StatusTest, SeesTheCommittedUnitsOfARunningRank) {
  ShardWriter writer(shard_path(dir_, 1, 0), make_study_id(testing::example_identity()), 1, 0);
  writer.append(0, 0, example_hash(0), example_rows(0), 0.1);
  writer.commit();
  writer.append(0, 1, example_hash(1), example_rows(1), 0.1);

  const StatusReport report = read_status(dir_);

  EXPECT_EQ(report.rounds[0].done, 1);
  EXPECT_THAT(report.unreadable_shards, IsEmpty());
}

TEST_F(StatusTest, AFailedUnitCountsUntilItIsDone) {
  {
    ShardWriter writer(shard_path(dir_, 1, 0), make_study_id(testing::example_identity()), 1, 0);
    writer.fail(0, 4, 1, error(ErrorKind::device, "out of memory"));
    writer.fail(0, 5, 1, error(ErrorKind::device, "out of memory"));
    writer.append(0, 5, example_hash(5), example_rows(5), 0.1);
    writer.close();
  }

  const StatusReport report = read_status(dir_);

  EXPECT_EQ(report.rounds[0].failed, 1);
  EXPECT_EQ(report.rounds[0].done, 1);
}

TEST_F(StatusTest, NamesShardsItCannotRead) {
  testing::write_shard(dir_, 1, 0, {0});
  testing::write_file(shard_path(dir_, 1, 0), "no database, but text that is long enough to be looked at");

  const StatusReport report = read_status(dir_);

  EXPECT_THAT(report.unreadable_shards, ElementsAre(HasSubstr("launch-1/shard-0.db: is damaged")));
}

TEST_F(StatusTest, KnowsTheLastLaunch) {
  Database db = create_or_open_results(dir_, testing::example_identity());
  write_launch(db, {1, utc_now(), {}, 2, {}, {}, {}}, {});
  write_launch(db, {2, utc_now(), {}, 4, {}, {}, {}}, {});

  const StatusReport report = read_status(dir_);

  ASSERT_TRUE(report.last_launch.has_value());
  EXPECT_EQ(report.last_launch->n_ranks, 4);
  EXPECT_EQ(report.study.name, "example");
}

}  // namespace
}  // namespace neurosweep
