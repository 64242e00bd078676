#include "framework/store/database.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <thread>

#include "framework/base/hash.hpp"
#include "framework/store/merge.hpp"
#include "results_schema/schema.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using testing::example_identity;
using ::testing::HasSubstr;
using testing::TempDir;

class DatabaseTest : public ::testing::Test {
 protected:
  std::string refusal_of(const StudyIdentity& identity) const {
    return error_of(ErrorKind::store, [&] { create_or_open_results(dir_, identity); });
  }

  TempDir temp_;
  std::string dir_ = temp_.file("store");
};

TEST_F(DatabaseTest, OpensTheSameStudyAgain) {
  create_or_open_results(dir_, example_identity());
  StudyIdentity moved = example_identity();
  moved.models[0].path = "elsewhere/m";

  const Database db = create_or_open_results(dir_, moved);

  EXPECT_EQ(db.study().study_id, make_study_id(example_identity()));
  EXPECT_EQ(db.study().schema_version, schema_version());
  EXPECT_EQ(db.select<ModelRow>().size(), 1u);
}

TEST_F(DatabaseTest, RefusesAnotherStudyFileAndShowsTheLine) {
  create_or_open_results(dir_, example_identity());
  StudyIdentity other = example_identity();
  other.study.toml = "name = 'example'\nseed = 8\n";
  other.study.toml_hash = hash_text(other.study.toml);
  other.study.seed = 8;

  const std::string message = refusal_of(other);

  EXPECT_THAT(message, HasSubstr("line 2 of the study is `seed = 7` there, `seed = 8` now"));
  EXPECT_THAT(message, HasSubstr("seed is 7 there, 8 now"));
}

TEST_F(DatabaseTest, RefusesAnotherModelOrTaskAndNamesWhatDiffers) {
  create_or_open_results(dir_, example_identity());
  StudyIdentity other = example_identity();
  other.models[0].checkpoint_hash = "checkpoint-2";
  other.tasks[0].file_hash = "file-2";
  other.tasks.push_back(other.tasks[0]);
  other.tasks[1].name = "products";

  const std::string message = refusal_of(other);

  EXPECT_THAT(message, HasSubstr("model m: checkpoint hash is checkpoint-1 there, checkpoint-2 now"));
  EXPECT_THAT(message, HasSubstr("task sums: file hash is file-1 there, file-2 now"));
  EXPECT_THAT(message, HasSubstr("task products is new"));
}

TEST_F(DatabaseTest, RefusesANewerSchema) {
  create_or_open_results(dir_, example_identity());
  Connection(results_path(dir_), Connection::Mode::write).exec("PRAGMA user_version=99");

  const std::string message = error_of(ErrorKind::store, [&] { Database::open_results(dir_, Database::Access::read); });

  EXPECT_THAT(message, HasSubstr("newer neurosweep (schema 99"));
  EXPECT_THAT(refusal_of(example_identity()), HasSubstr("newer neurosweep"));
}

// A results.db as a program would have left it that knew the first `version` schema files only.
void make_old_results(const std::string& dir, int version) {
  std::filesystem::create_directories(dir);
  const Connection connection(results_path(dir), Connection::Mode::create);
  for (int i = 0; i < version; ++i) {
    const SqlFile& file = schema_files()[static_cast<std::size_t>(i)];
    if (applies_to(file, kResults)) connection.exec(std::string(file.text));
  }
  connection.exec(fmt::format("PRAGMA application_id={}", kApplicationId));
  connection.exec(fmt::format("PRAGMA user_version={}", version));
}

TEST_F(DatabaseTest, BringsAnOlderSchemaUpToDateForWritingAndRefusesItForReading) {
  make_old_results(dir_, 4);

  const std::string message = error_of(ErrorKind::store, [&] { Database::open_results(dir_, Database::Access::read); });
  create_or_open_results(dir_, example_identity());

  EXPECT_THAT(message, HasSubstr("has schema 4"));
  EXPECT_EQ(Database::open_results(dir_, Database::Access::read).select<NeuronEffectRow>().size(), 0u);
}

// Brings a file up to date at the moment when its reader, who knows the version, begins to read the schema.
int migrate_before_schema_is_read(unsigned, void* path, void*, void* sql) {
  if (std::string_view(static_cast<const char*>(sql)).starts_with("SELECT name, sql FROM sqlite_schema")) {
    bring_up_to_date(Connection(*static_cast<std::string*>(path), Connection::Mode::write), kResults);
  }
  return 0;
}

TEST_F(DatabaseTest, VersionAndSchemaAreReadAtOneMoment) {
  constexpr int kOld = 13;
  make_old_results(dir_, kOld);
  std::string path = results_path(dir_);
  Connection(path, Connection::Mode::write).use_durable_journal();
  const Connection reader(path, Connection::Mode::read);
  sqlite3_trace_v2(reader.raw().getHandle(), SQLITE_TRACE_STMT, migrate_before_schema_is_read, &path);

  EXPECT_EQ(expect_own_schema(reader, kResults), kOld);

  EXPECT_EQ(expect_own_schema(reader, kResults), schema_version());
}

TEST_F(DatabaseTest, RefusesAFileThatIsNoStore) {
  std::filesystem::create_directories(dir_);
  testing::write_file(results_path(dir_), "hello, this is text and no database at all, honestly not one");
  const std::string text_file = refusal_of(example_identity());
  std::filesystem::remove(results_path(dir_));
  Connection(results_path(dir_), Connection::Mode::create).exec("CREATE TABLE other(x)");

  const std::string foreign = refusal_of(example_identity());

  EXPECT_THAT(text_file, HasSubstr("is damaged"));
  EXPECT_THAT(foreign, HasSubstr("is no neurosweep store"));
}

TEST_F(DatabaseTest, AStudyIdIgnoresPathsAndTheOrderOfModels) {
  StudyIdentity one = example_identity();
  one.models.push_back({"n", "p", "c", "t", "qwen2", 1, 1, 1, 1, 1, "f32"});
  StudyIdentity two = one;
  std::swap(two.models[0], two.models[1]);
  two.tasks[0].path = "elsewhere";
  StudyIdentity three = one;
  three.study.threads = 2;

  EXPECT_EQ(make_study_id(one), make_study_id(two));
  EXPECT_NE(make_study_id(one), make_study_id(three));
}

TEST_F(DatabaseTest, LaunchNumbersAreNeverGivenTwice) {
  std::vector<int> numbers(40);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) numbers[static_cast<std::size_t>(10 * t + i)] = claim_launch(dir_);
    });
  }
  for (auto& thread : threads) thread.join();

  std::sort(numbers.begin(), numbers.end());

  for (int i = 0; i < 40; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], i + 1);
}

TEST_F(DatabaseTest, ALaunchWhoseFolderWasDeletedKeepsItsNumber) {
  testing::make_merged_store(dir_, 3);
  Database db = Database::open_results(dir_, Database::Access::write);
  EXPECT_EQ(last_launch(db), 1);  // of the units
  write_launch(db, {2, utc_now(), {}, 1, {}, {}, {}}, {});
  std::filesystem::remove_all(dir_ + "/launch-1");

  const int launch = claim_launch(dir_, last_launch(db));

  EXPECT_EQ(launch, 3);
  EXPECT_NO_THROW(write_launch(db, {launch, utc_now(), {}, 1, {}, {}, {}}, {}));
}

TEST_F(DatabaseTest, RecordsALaunchAndItsEnd) {
  Database db = create_or_open_results(dir_, example_identity());

  write_launch(db, {1, utc_now(), {}, 2, "77", {}, {}}, {{1, 0, "n1", 10, "cpu", "2.11.0", "4.1.4", 1}});
  end_launch(db, 1, "complete");

  const LaunchRow launch = db.select<LaunchRow>().front();
  EXPECT_EQ(launch.slurm_job_id, "77");
  EXPECT_EQ(launch.exit_reason, "complete");
  EXPECT_TRUE(launch.ended_utc.has_value());
  EXPECT_EQ(db.select<WorkerRow>().front().host, "n1");
}

TEST_F(DatabaseTest, ALaunchMayBeRefusedForTheWorkersBeforeIt) {
  Database db = create_or_open_results(dir_, example_identity());
  write_launch(db, {1, utc_now(), {}, 1, {}, {}, {}}, {{1, 0, "n1", 10, "cpu", "2.11.0", "4.1.4", 1}});

  const std::string message = error_of(ErrorKind::store, [&] {
    write_launch(db, {2, utc_now(), {}, 1, {}, {}, {}}, {{2, 0, "n2", 10, "gpu", "2.11.0", "4.1.4", 1}},
                 [](const std::vector<WorkerRow>& before) {
                   throw error(ErrorKind::store, "refused for {} {}", before.size(), before.at(0).device);
                 });
  });

  EXPECT_EQ(message, "refused for 1 cpu");
  EXPECT_EQ(db.select<LaunchRow>().size(), 1u);
  EXPECT_EQ(db.select<WorkerRow>().size(), 1u);
}

TEST_F(DatabaseTest, ARoundPlannedAgainAddsNothing) {
  Database db = create_or_open_results(dir_, example_identity());
  testing::plan_example_round(db, 4);

  testing::plan_example_round(db, 4);

  EXPECT_EQ(db.select<RoundRow>().size(), 1u);
  EXPECT_EQ(db.select<ArmRow>().size(), 3u);
  EXPECT_THAT(pending_units(db, 0), ElementsAre(0, 1, 2, 3));
}

TEST(StoreErrors, WhatTellsNothingOfTheFileIsNoDamage) {
  for (const int code : {SQLITE_NOMEM, SQLITE_PROTOCOL, SQLITE_INTERRUPT}) {
    const std::string message = error_of(
        ErrorKind::io, [&] { throw_store_error(SQLite::Exception("no more", code), "launch-1/shard-0.db", nullptr); });
    EXPECT_THAT(message, HasSubstr("launch-1/shard-0.db: SQLite could not go on (no more)"));
  }
}

TEST_F(DatabaseTest, PendingUnitsOfAHugeRoundAreCountedNotListed) {
  Database db = create_or_open_results(dir_, example_identity());
  testing::plan_example_round(db, std::int64_t{1} << 60);

  EXPECT_EQ(count_pending_units(db, 0), std::int64_t{1} << 60);
  EXPECT_THROW(count_pending_units(db, 1), Error);
}

TEST_F(DatabaseTest, ARoundPlannedDifferentlyIsRefused) {
  Database db = create_or_open_results(dir_, example_identity());
  testing::plan_example_round(db, 4);

  const std::string message = error_of(ErrorKind::store, [&] {
    write_round(db, {0, "sweep", "sweep", 0, "plan-2", 4, "{}"});
  });

  EXPECT_THAT(message, HasSubstr("planned as plan-1 with 4 units and now comes out as plan-2 with 4"));
}

TEST_F(DatabaseTest, ARoundWithADoubleArmIsNotPlannedAtAll) {
  Database db = create_or_open_results(dir_, example_identity());
  const ArmRow arm{0, 0, "m", 1, 0, "zero", 0.0, "all", "candidate"};

  EXPECT_THROW(write_round(db, {0, "sweep", "sweep", 0, "plan-1", 4, "{}"}, {arm, arm}), Error);

  EXPECT_TRUE(db.select<RoundRow>().empty());
  EXPECT_THROW(pending_units(db, 0), Error);
}

TEST_F(DatabaseTest, ParametersOfARoundMustBeJson) {
  Database db = create_or_open_results(dir_, example_identity());

  EXPECT_THROW(write_round(db, {0, "sweep", "sweep", 0, "plan-1", 4, "{'a'"}), Error);
}

TEST_F(DatabaseTest, DerivedRowsOfOneExperimentAreReplaced) {
  Database db = create_or_open_results(dir_, example_identity());
  const auto row = [](const std::string& experiment, double score) {
    return CriticalSetRow{experiment, "m", "*", 1, 0, 2, score, "test"};
  };
  replace_derived<CriticalSetRow>(db, "first", {row("first", 1.0)});
  replace_derived<CriticalSetRow>(db, "second", {row("second", 2.0)});

  replace_derived<CriticalSetRow>(db, "first", {row("first", 3.0)});

  const auto rows = db.select<CriticalSetRow>("ORDER BY experiment");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].score, 3.0);
  EXPECT_EQ(rows[1].score, 2.0);
}

TEST_F(DatabaseTest, ADerivedNanIsRefusedAndTheOldRowsStay) {
  Database db = create_or_open_results(dir_, example_identity());
  replace_derived<CriticalSetRow>(db, "first", {{"first", "m", "*", 1, 0, 2, 1.0, "test"}});

  EXPECT_THROW(replace_derived<CriticalSetRow>(db, "first", {{"first", "m", "*", 1, 0, 2, NAN, "test"}}), Error);

  EXPECT_EQ(db.select<CriticalSetRow>().front().score, 1.0);
}

TEST_F(DatabaseTest, EffectBlocksComeInUnitOrder) {
  testing::make_example_store(dir_, 4);
  testing::write_shard(dir_, 1, 0, {3, 1});
  testing::write_shard(dir_, 1, 1, {2, 0});
  merge_shards(dir_);
  std::vector<std::int64_t> units;

  for_each_effect_block(Database::open_results(dir_, Database::Access::read), 0,
                        [&](const EffectBlockRow& block) { units.push_back(block.unit); });

  EXPECT_THAT(units, ElementsAre(0, 1, 2, 3));
}

}  // namespace
}  // namespace neurosweep
