#include "framework/store/shard.hpp"

#include <pthread.h>

#include <cmath>
#include <filesystem>
#include <system_error>
#include <thread>

#include "framework/store/merge.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using testing::error_of;
using testing::example_hash;
using testing::example_rows;
using testing::TempDir;

class ShardTest : public ::testing::Test {
 protected:
  ShardWriter make_writer() {
    ShardWriter writer(path_, "study", 1, 0);
    begun_ = std::chrono::steady_clock::now();
    return writer;
  }

  /// Whether the machine stood still for so long since make_writer() that the writer may have committed by itself.
  bool stalled() const { return std::chrono::steady_clock::now() - begun_ >= ShardWriter::kCommitInterval; }

  std::int64_t committed_units() const {
    return Connection(path_, Connection::Mode::read).integer("SELECT count(*) FROM unit");
  }

  TempDir dir_;
  std::string path_ = shard_path(dir_.path().native(), 1, 0);
  std::chrono::steady_clock::time_point begun_;
};

TEST_F(ShardTest, AUnitIsDurableAfterCommit) {
  ShardWriter writer = make_writer();
  writer.append(0, 5, example_hash(5), example_rows(5), 1.0);
  const std::int64_t before = committed_units();
  const bool early = stalled();

  writer.commit();

  EXPECT_TRUE(before == 0 || early) << before;
  EXPECT_EQ(committed_units(), 1);
}

TEST_F(ShardTest, CommitsByItselfAfterSixtyFourUnits) {
  ShardWriter writer = make_writer();

  for (std::int64_t unit = 0; unit < 70; ++unit) writer.append(0, unit, "h", UnitRows(), 0.0);

  const std::int64_t committed = committed_units();
  EXPECT_TRUE(committed == 64 || stalled()) << committed;
}

TEST_F(ShardTest, CommitsByItselfAfterTheIntervalWhileTheNextUnitIsMeasured) {
  ShardWriter writer = make_writer();
  writer.append(0, 0, "h", UnitRows(), 0.0);
  const std::int64_t before = committed_units();
  const bool early = stalled();

  for (int nap = 0; nap < 200 && committed_units() == 0; ++nap) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }

  EXPECT_TRUE(before == 0 || early) << before;
  EXPECT_EQ(committed_units(), 1);
}

TEST_F(ShardTest, WorksWhereNoThreadCanBeStarted) {
  pthread_attr_t usual, hopeless;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  ASSERT_EQ(pthread_getattr_default_np(&hopeless), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&hopeless, std::size_t{1} << 47), 0);  // more than addresses
  ASSERT_EQ(pthread_setattr_default_np(&hopeless), 0);
  EXPECT_THROW(std::thread([] {}).join(), std::system_error);
  ShardWriter writer = make_writer();
  ASSERT_EQ(pthread_setattr_default_np(&usual), 0);

  for (std::int64_t unit = 0; unit < 70; ++unit) writer.append(0, unit, "h", UnitRows(), 0.0);

  const std::int64_t committed = committed_units();
  EXPECT_TRUE(committed == 64 || stalled()) << committed;
  writer.close();
  EXPECT_EQ(committed_units(), 70);
}

TEST_F(ShardTest, CloseCommitsAndTakesNothingMore) {
  ShardWriter writer = make_writer();
  writer.append(0, 0, "h", UnitRows(), 0.0);

  writer.close();

  EXPECT_EQ(committed_units(), 1);
  EXPECT_THROW(writer.append(0, 1, "h", UnitRows(), 0.0), Error);
}

TEST_F(ShardTest, TheDestructorCommitsWhatWaits) {
  {
    ShardWriter writer = make_writer();
    writer.append(0, 0, "h", UnitRows(), 0.0);
  }

  EXPECT_EQ(committed_units(), 1);
}

TEST_F(ShardTest, IsNeverReused) {
  make_writer().close();

  const std::string message = error_of(ErrorKind::store, [&] { make_writer(); });

  EXPECT_NE(message.find("never reused"), std::string::npos) << message;
}

TEST_F(ShardTest, LeavesNoFileBesideIt) {
  make_writer().close();

  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(path_).parent_path())) {
    EXPECT_EQ(entry.path().native(), path_);
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST_F(ShardTest, RefusesAUnitTwiceAndKeepsTheOthers) {
  ShardWriter writer = make_writer();
  writer.append(0, 0, "h", example_rows(0), 0.0);
  writer.append(0, 1, "h", example_rows(1), 0.0);

  const std::string message = error_of(ErrorKind::internal, [&] { writer.append(0, 1, "h", example_rows(1), 0.0); });
  writer.close();

  EXPECT_NE(message.find("unit 1 of round 0"), std::string::npos) << message;
  EXPECT_EQ(committed_units(), 2);
}

TEST_F(ShardTest, RefusesARowThatBreaksTheSchemaWholly) {
  UnitRows rows = example_rows(0);
  OutcomeRow outcome;
  outcome.correct = 2;
  rows.add(outcome);
  ShardWriter writer = make_writer();

  const std::string message = error_of(ErrorKind::internal, [&] { writer.append(0, 0, "h", rows, 0.0); });
  writer.close();

  EXPECT_NE(message.find("correct IN (0, 1)"), std::string::npos) << message;
  EXPECT_EQ(Connection(path_, Connection::Mode::read).integer("SELECT count(*) FROM trace"), 0);
}

TEST_F(ShardTest, RecordsFailures) {
  ShardWriter writer = make_writer();

  writer.fail(0, 3, 1, error(ErrorKind::device, "out of memory"));
  writer.close();

  const Connection shard(path_, Connection::Mode::read);
  EXPECT_EQ(shard.text("SELECT kind || ': ' || message FROM unit_failure WHERE unit = 3 AND attempt = 1"),
            "device: out of memory");
}

TEST_F(ShardTest, RowsComeBackBitForBit) {
  OutcomeRow outcome;
  outcome.completion = std::string("a\0b\xff", 4);
  outcome.logprob = -0.0;
  EffectBlockRow block;
  block.n = 3;
  block.baseline = 0.1;
  block.effects = {-0.0f, 1e-45f, 3.4e38f};
  UnitRows rows;
  rows.add(outcome);
  rows.add(block);
  const std::string dir = dir_.file("store");
  testing::make_example_store(dir, 1);
  ShardWriter writer(shard_path(dir, 1, 0), make_study_id(testing::example_identity()), 1, 0);
  writer.append(0, 0, example_hash(0), rows, 0.0);
  writer.close();

  const MergeReport report = merge_shards(dir);

  const Database db = Database::open_results(dir, Database::Access::read);
  EXPECT_EQ(report.units_damaged, 0);
  EXPECT_EQ(db.select<OutcomeRow>().front().completion, outcome.completion);
  EXPECT_EQ(db.select<EffectBlockRow>().front().baseline, 0.1);
  EXPECT_EQ(db.select<EffectBlockRow>().front().effects, block.effects);
  EXPECT_TRUE(std::signbit(db.select<EffectBlockRow>().front().effects[0]));
}

}  // namespace
}  // namespace neurosweep
