#include "framework/store/rebuild.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include "framework/store/merge.hpp"
#include "framework/store/verify.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::example_identity;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TempDir;

constexpr std::int64_t kUnits = 40;

class RebuildTest : public ::testing::Test {
 protected:
  RebuildTest() {
    testing::make_merged_store(dir_, kUnits);
    Database db = Database::open_results(dir_, Database::Access::write);
    write_launch(db, {1, utc_now(), {}, 1, {}, {}, {}}, {{1, 0, "host", 7, "cpu", "2.11.0", "mpi", 1}});
    db.connection().text("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  Database results() const { return Database::open_results(dir_, Database::Access::read); }

  // What a start of the study does: rebuild, plan again, measure what is pending.
  std::string resume() {
    rebuild_if_damaged(dir_, example_identity());
    {
      Database db = create_or_open_results(dir_, example_identity());
      merge_shards(dir_);
      testing::plan_example_round(db, kUnits);
    }
    testing::write_shard(dir_, claim_launch(dir_), 0, pending_units(results(), 0));
    merge_shards(dir_);
    return content_hash(results());
  }

  TempDir temp_;
  std::string dir_ = temp_.file("store");
  std::string path_ = results_path(dir_);
  std::string expected_ = testing::make_merged_store(temp_.file("undisturbed"), kUnits);
};

TEST_F(RebuildTest, ASoundStoreIsLeftAlone) {
  EXPECT_EQ(rebuild_if_damaged(dir_, example_identity()), "");
  EXPECT_FALSE(fs::exists(path_ + ".corrupt"));
}

TEST_F(RebuildTest, AStoreThatIsNotThereIsNoDamage) {
  EXPECT_EQ(rebuild_if_damaged(temp_.file("nothing"), example_identity()), "");
}

TEST_F(RebuildTest, AZeroedStoreIsSetAsideAndMadeAnewFromTheShards) {
  testing::write_file(path_, std::string(fs::file_size(path_), '\0'));

  const std::string damage = rebuild_if_damaged(dir_, example_identity());

  EXPECT_THAT(damage, HasSubstr("results.db"));
  EXPECT_TRUE(fs::exists(path_ + ".corrupt"));
  EXPECT_EQ(results().connection().integer("SELECT count(*) FROM unit"), kUnits);
  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, WithoutShardsWhatIsSoundInTheDamagedFileIsKept) {
  fs::remove(shard_path(dir_, 1, 0));
  {
    const Connection connection(path_, Connection::Mode::write);
    connection.exec("UPDATE trace SET logprob = 1 WHERE unit = 3");
  }

  const std::string damage = rebuild_if_damaged(dir_, example_identity());

  EXPECT_THAT(damage, HasSubstr("unit 3 of round 0: rows have checksum"));
  EXPECT_EQ(results().connection().integer("SELECT count(*) FROM unit"), kUnits - 1);
  EXPECT_EQ(results().select<LaunchRow>().size(), 1u);
  EXPECT_EQ(results().select<WorkerRow>().size(), 1u);
  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, WithoutShardsAStoreWithAViewOfItsUsersKeepsAllUnits) {
  fs::remove(shard_path(dir_, 1, 0));
  Connection(path_, Connection::Mode::write).exec("DROP VIEW progress; CREATE VIEW progress AS SELECT 1 AS done");

  const std::string damage = rebuild_if_damaged(dir_, example_identity());

  EXPECT_THAT(damage, HasSubstr("its 'progress' is not the one that this program makes"));
  EXPECT_EQ(results().connection().integer("SELECT count(*) FROM unit"), kUnits);
  EXPECT_EQ(results().select<LaunchRow>().size(), 1u);
  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, ADamagedStoreOfAnotherStudyIsRefusedAndKept) {
  Connection(path_, Connection::Mode::write).exec("UPDATE trace SET logprob = 1 WHERE unit = 3");
  StudyIdentity other = example_identity();
  other.study.seed = 8;
  const auto refusal = [&] { return error_of(ErrorKind::store, [&] { rebuild_if_damaged(dir_, other); }); };

  EXPECT_THAT(refusal(), HasSubstr("results.db: is damaged and of another study"));
  testing::write_file(path_, std::string(fs::file_size(path_), '\0'));
  EXPECT_THAT(refusal(), HasSubstr("shard-0.db: is a shard of study " + make_study_id(example_identity())));
  fs::remove(path_);
  EXPECT_THAT(refusal(), HasSubstr("shard-0.db: is a shard of study"));

  EXPECT_FALSE(fs::exists(path_ + ".corrupt"));
  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, ADamagedStudyIdIsNoOtherStudy) {
  Connection(path_, Connection::Mode::write).exec("UPDATE study SET study_id = 'x'");

  EXPECT_NE(rebuild_if_damaged(dir_, example_identity()), "");
  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, NothingThatWasSetAsideIsOverwritten) {
  testing::write_file(path_ + ".corrupt", "first");
  testing::write_file(path_ + ".corrupt-2", "second");
  testing::write_file(path_, std::string(fs::file_size(path_), '\0'));

  rebuild_if_damaged(dir_, example_identity());

  EXPECT_EQ(testing::read_file(path_ + ".corrupt"), "first");
  EXPECT_EQ(testing::read_file(path_ + ".corrupt-2"), "second");
  EXPECT_TRUE(fs::exists(path_ + ".corrupt-3"));
}

TEST_F(RebuildTest, OfTwoStartsAtOnceOneRebuilds) {
  fs::remove(shard_path(dir_, 1, 0));
  Connection(path_, Connection::Mode::write).exec("UPDATE trace SET logprob = 1 WHERE unit = 3");
  std::atomic<int> rebuilt = 0;
  const auto start = [&] {
    if (!rebuild_if_damaged(dir_, example_identity()).empty()) ++rebuilt;
    EXPECT_EQ(results().connection().integer("SELECT count(*) FROM unit"), kUnits - 1);
  };

  {
    std::vector<std::jthread> starts;
    for (int i = 0; i < 4; ++i) starts.emplace_back(start);
  }

  EXPECT_EQ(rebuilt, 1);
  EXPECT_FALSE(fs::exists(path_ + ".corrupt-2"));
}

TEST_F(RebuildTest, AForeignDatabaseIsRefusedAndKept) {
  Connection(path_, Connection::Mode::write).exec("PRAGMA application_id=1");

  const std::string message = error_of(ErrorKind::store, [&] { rebuild_if_damaged(dir_, example_identity()); });

  EXPECT_THAT(message, HasSubstr("is no neurosweep store"));
  EXPECT_FALSE(fs::exists(path_ + ".corrupt"));
}

TEST_F(RebuildTest, ADamagedPlanIsWrittenAnew) {
  Connection(path_, Connection::Mode::write).exec("UPDATE arm SET neuron = 5 WHERE arm = 1");

  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, ADamagedRoundIsWrittenAnew) {
  Connection(path_, Connection::Mode::write).exec("UPDATE round SET n_units = 8, kind = 'race'");

  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, APlanHashThatDoesNotFitItsUnitsIsDamage) {
  Connection(path_, Connection::Mode::write).exec("UPDATE round SET plan_hash = 'x'");

  EXPECT_THAT(rebuild_if_damaged(dir_, example_identity()), HasSubstr("40 units of round 0 were measured for another"));
  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, ARoundThatIsNoneOfTheStudyIsDamage) {
  Connection(path_, Connection::Mode::write)
      .exec("INSERT INTO round VALUES(7, 'stray', 'sweep', 3, 'x', 1000000000000, '{}')");

  EXPECT_THAT(rebuild_if_damaged(dir_, example_identity()), HasSubstr("'stray' has 1 rounds, numbered up to 3"));
  EXPECT_EQ(resume(), expected_);
}

TEST_F(RebuildTest, UnitsThatWaitForTheirPlanAreNoDamage) {
  fs::remove(path_);
  rebuild_if_damaged(dir_, example_identity());
  { create_or_open_results(dir_, example_identity()); }
  merge_shards(dir_);

  EXPECT_EQ(rebuild_if_damaged(dir_, example_identity()), "");
  EXPECT_THAT(verify_store(dir_).problems, ::testing::ElementsAre("unit: 40 units of round 0 are not planned"));
}

TEST_F(RebuildTest, ADamagedIdentityIsRebuilt) {
  Connection(path_, Connection::Mode::write).exec("UPDATE model SET checkpoint_hash = 'x'");

  EXPECT_THAT(rebuild_if_damaged(dir_, example_identity()), HasSubstr("do not hash to its study_id"));
  EXPECT_EQ(resume(), expected_);
}

// The header's owner and version are tested apart; the hash of a plan has no second copy to be checked by.
TEST_F(RebuildTest, AFlippedBitNeverGivesAWrongResult) {
  const std::string pristine = temp_.file("pristine");
  fs::copy(dir_, pristine, fs::copy_options::recursive);
  const std::string bytes = testing::read_file(path_);
  std::mt19937_64 random(20261123);
  int refused = 0;

  for (int trial = 0; trial < 60; ++trial) {
    fs::remove_all(dir_);
    fs::copy(pristine, dir_, fs::copy_options::recursive);
    std::string damaged = bytes;
    const std::size_t at = 100 + random() % (damaged.size() - 100);
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random() % 8)));
    testing::write_file(path_, damaged);
    try {
      EXPECT_EQ(resume(), expected_) << "byte " << at;
    } catch (const Error& failure) {
      EXPECT_THAT(failure.what(), HasSubstr("was planned as")) << "byte " << at;
      ++refused;
    }
  }

  EXPECT_LE(refused, 3);
}

}  // namespace
}  // namespace neurosweep
