#include <gmock/gmock.h>

#include <filesystem>
#include <limits>
#include <random>

#include "framework/store/merge.hpp"
#include "framework/store/verify.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::all_units;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::read_file;
using testing::TempDir;
using testing::write_file;
using testing::write_shard;

constexpr std::int64_t kUnits = 40;

// A store with one shard on disk that is not merged yet, to be damaged byte by byte.
class DamagedShardTest : public ::testing::Test {
 protected:
  DamagedShardTest() {
    testing::make_example_store(dir_, kUnits);
    write_shard(dir_, 1, 0, all_units(kUnits));
    bytes_ = read_file(shard_);
    fs::copy(dir_, pristine_, fs::copy_options::recursive);
  }

  void restore_store() {
    fs::remove_all(dir_);
    fs::copy(pristine_, dir_, fs::copy_options::recursive);
  }

  // Merges, measures what is pending in a new launch, merges again: what a resumed run does.
  std::string resume() {
    merge_shards(dir_);
    const auto pending = pending_units(Database::open_results(dir_, Database::Access::read), 0);
    write_shard(dir_, claim_launch(dir_), 0, pending);
    merge_shards(dir_);
    return content_hash(Database::open_results(dir_, Database::Access::read));
  }

  TempDir temp_;
  std::string dir_ = temp_.file("store");
  std::string pristine_ = temp_.file("pristine");
  std::string shard_ = shard_path(dir_, 1, 0);
  std::string bytes_;
  std::string expected_ = testing::make_merged_store(temp_.file("undisturbed"), kUnits);
};

TEST_F(DamagedShardTest, AZeroLengthShardIsSetAsideAndItsUnitsMeasuredAgain) {
  write_file(shard_, "");

  const MergeReport report = merge_shards(dir_);

  EXPECT_THAT(report.quarantined, ElementsAre("launch-1/shard-0.db"));
  EXPECT_TRUE(fs::exists(shard_ + ".corrupt"));
  EXPECT_FALSE(fs::exists(shard_));
  EXPECT_EQ(resume(), expected_);
}

TEST_F(DamagedShardTest, AZeroedShardIsSetAside) {
  write_file(shard_, std::string(bytes_.size(), '\0'));

  EXPECT_THAT(merge_shards(dir_).quarantined, ElementsAre("launch-1/shard-0.db"));
  EXPECT_EQ(resume(), expected_);
}

TEST_F(DamagedShardTest, ATruncatedShardNeverLosesOrChangesAUnit) {
  for (int eighth = 1; eighth < 8; ++eighth) {
    restore_store();
    write_file(shard_, bytes_.substr(0, bytes_.size() * static_cast<std::size_t>(eighth) / 8));

    EXPECT_EQ(resume(), expected_) << eighth << " eighths of the shard";
  }
}

TEST_F(DamagedShardTest, AZeroedPageNeverLosesOrChangesAUnit) {
  constexpr std::size_t kPage = 4096;
  for (std::size_t page = 0; page < bytes_.size() / kPage; ++page) {
    restore_store();
    write_file(shard_, std::string(bytes_).replace(page * kPage, kPage, kPage, '\0'));

    EXPECT_EQ(resume(), expected_) << "page " << page;
  }
}

TEST_F(DamagedShardTest, AFlippedBitNeverGivesAWrongResult) {
  std::mt19937_64 random(20240607);
  for (int trial = 0; trial < 30; ++trial) {
    restore_store();
    std::string damaged = bytes_;
    const std::size_t at = 100 + random() % (damaged.size() - 100);  // the header's version and owner are tested apart
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random() % 8)));
    write_file(shard_, damaged);

    EXPECT_EQ(resume(), expected_) << "byte " << at;
  }
}

TEST_F(DamagedShardTest, AShardWithAnotherOwnersMarkIsSetAside) {
  std::string damaged = bytes_;
  damaged[68] = 'X';  // application_id
  write_file(shard_, damaged);

  EXPECT_THAT(merge_shards(dir_).quarantined, ElementsAre("launch-1/shard-0.db"));
}

TEST_F(DamagedShardTest, AShardOfAnImpossibleFileFormatIsSetAside) {
  std::string damaged = bytes_;
  damaged[47] = 0x7F;  // schema format number
  write_file(shard_, damaged);

  EXPECT_THAT(merge_shards(dir_).quarantined, ElementsAre("launch-1/shard-0.db"));
}

// Changes one byte of a BLOB in results.db behind SQLite's back.
void flip_effect_bit(const std::string& dir) {
  const std::string path = results_path(dir);
  std::string bytes = read_file(path);
  const std::string effects{"\x00\x00\xa8\x40\x00\x00\xb0\x40\x00\x00\xb8\x40", 12};  // 5.25, 5.5, 5.75: unit 5
  std::size_t found = 0;
  for (std::size_t at = bytes.find(effects); at != std::string::npos; at = bytes.find(effects, at + 1)) {
    bytes[at + 2] = static_cast<char>(bytes[at + 2] ^ 1);
    ++found;
  }
  ASSERT_GE(found, 1u);
  write_file(path, bytes);
}

TEST(Verify, FindsAFlippedBitThatSqliteDoesNotSee) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  testing::make_merged_store(dir, 10);
  flip_effect_bit(dir);

  const VerifyReport report = verify_store(dir);

  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_THAT(report.problems[0], HasSubstr("unit 5 of round 0: rows have checksum"));
  const Connection connection(results_path(dir), Connection::Mode::read);
  EXPECT_EQ(connection.text("PRAGMA integrity_check"), "ok");
}

TEST(Verify, PassesASoundStoreAndCountsWhatIsMissing) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  testing::make_example_store(dir, 10);
  write_shard(dir, 1, 0, {0, 1, 2, 3});
  merge_shards(dir);

  const VerifyReport report = verify_store(dir);

  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.rounds, 1);
  EXPECT_EQ(report.units, 4);
  EXPECT_EQ(report.units_missing, 6);
}

TEST(Verify, FindsOrphansStraysAndChangedSchema) {
  const TempDir temp;
  const std::string dir = temp.file("store");
  testing::make_merged_store(dir, 10);
  {
    const Connection connection(results_path(dir), Connection::Mode::write);
    connection.exec("PRAGMA foreign_keys=OFF");
    connection.exec("DELETE FROM unit WHERE unit = 3");
    connection.exec("UPDATE round SET n_units = 9");
    connection.exec("CREATE TABLE extra(x)");
  }

  const VerifyReport report = verify_store(dir);

  EXPECT_THAT(report.problems, ::testing::Contains(HasSubstr("extra is not ours")));
  EXPECT_THAT(report.problems, ::testing::Contains("trace: 2 rows without their unit"));
  EXPECT_THAT(report.problems, ::testing::Contains("unit: 1 units of round 0 are not planned"));
}

TEST(Verify, CountsKeptNonFiniteValuesOfEveryTable) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const TempDir temp;
  const std::string dir = temp.file("store");
  testing::make_example_store(dir, 1);
  EffectBlockRow block;
  block.n = 2;
  block.effects = {1.0f, kNan};
  ScreenBlockRow screen;
  screen.n = 3;
  screen.effects = {kNan, 1.0f, kNan};
  UnitRows rows;
  rows.add(block, NonFinite::keep);
  rows.add(screen, NonFinite::keep);
  ShardWriter writer(shard_path(dir, 1, 0), make_study_id(testing::example_identity()), 1, 0);
  writer.append(0, 0, testing::example_hash(0), rows, 0.0);
  writer.close();
  merge_shards(dir);

  const VerifyReport report = verify_store(dir);

  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.nonfinite_values, 3);
}

}  // namespace
}  // namespace neurosweep
