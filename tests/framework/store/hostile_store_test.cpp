// Stores come from others. Whatever stands in one: nothing of it runs, nothing outside it is read or written, and what
// is wrong with it is an Error.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>

#include "framework/store/merge.hpp"
#include "framework/store/query.hpp"
#include "framework/store/rebuild.hpp"
#include "framework/store/status.hpp"
#include "framework/store/unit_journal.hpp"
#include "framework/store/verify.hpp"
#include "tests/framework/store/store_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using ::testing::HasSubstr;
using testing::read_file;
using testing::write_file;

/// Runs SQL as its maker would: by plain SQLite, with every guard off.
void tamper(const std::string& path, const std::string& sql) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> handle(raw, sqlite3_close);
  char* why = nullptr;
  const int code = sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, &why);
  ASSERT_EQ(code, SQLITE_OK) << sql << ": " << (why ? why : "");
}

constexpr const char* kEndless =
    "DROP TABLE unit; CREATE VIEW unit AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i AS round_id, i AS unit, 'h' AS content_hash, 1 AS launch, 0 AS rank, 0.0 AS seconds, '' AS done_utc, "
    "0 AS crc32c FROM n";

class HostileStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { expected_ = testing::make_merged_store(dir_, 5); }

  std::string results() const { return results_path(dir_); }
  std::string shard() const { return shard_path(dir_, 1, 0); }
  std::string hash() const { return content_hash(Database::open_results(dir_, Database::Access::read)); }

  testing::TempDir temp_;
  std::string dir_ = temp_.file("store");
  std::string expected_;
};

TEST_F(HostileStoreTest, TriggersDoNotFire) {
  const std::string dir = temp_.file("triggered");
  testing::make_example_store(dir, 5);
  tamper(results_path(dir),
         "CREATE TRIGGER t AFTER INSERT ON unit BEGIN DELETE FROM trace; UPDATE arm SET op = 'x'; END");
  testing::write_shard(dir, 1, 0, testing::all_units(5));
  tamper(shard_path(dir, 1, 0), "CREATE TRIGGER t AFTER INSERT ON unit_failure BEGIN DELETE FROM unit; END");

  merge_shards(dir);

  EXPECT_EQ(content_hash(Database::open_results(dir, Database::Access::read)), expected_);
}

TEST_F(HostileStoreTest, AViewInPlaceOfATableIsRefused) {
  tamper(results(), std::string("PRAGMA foreign_keys=OFF; ") + kEndless);

  EXPECT_THAT(error_of(ErrorKind::store, [&] { verify_store(dir_); }), HasSubstr("its 'unit' is not the one"));
  EXPECT_THAT(error_of(ErrorKind::store, [&] { read_status(dir_); }), HasSubstr("results.db"));
  EXPECT_THAT(error_of(ErrorKind::store, [&] { run_query(dir_, "progress"); }), HasSubstr("another program"));
  EXPECT_THAT(error_of(ErrorKind::store, [&] { merge_shards(dir_); }), HasSubstr("restore a copy"));
}

TEST_F(HostileStoreTest, AShardWithAViewInPlaceOfATableIsSetAside) {
  testing::write_shard(dir_, 2, 0, {1, 2});
  tamper(shard_path(dir_, 2, 0), std::string("PRAGMA foreign_keys=OFF; ") + kEndless);

  EXPECT_THAT(verify_store(dir_).problems, ::testing::Contains(HasSubstr("shard-0.db: ")));
  EXPECT_EQ(read_status(dir_).unreadable_shards.size(), 1u);
  EXPECT_EQ(merge_shards(dir_).quarantined.size(), 1u);

  EXPECT_EQ(hash(), expected_);
}

TEST_F(HostileStoreTest, AnOlderVersionNumberDoesNotHide) {
  testing::write_shard(dir_, 2, 0, {1, 2});
  for (const std::string& path : {results(), shard_path(dir_, 2, 0)}) {
    tamper(path, std::string("PRAGMA foreign_keys=OFF; PRAGMA user_version=3; ") + kEndless);
  }

  EXPECT_THAT(error_of(ErrorKind::store, [&] { merge_shards(dir_); }), HasSubstr("results.db: its"));
  const Connection shard(shard_path(dir_, 2, 0), Connection::Mode::read);
  EXPECT_THAT(error_of(ErrorKind::store, [&] { expect_own_schema(shard, kShard); }), HasSubstr("'unit'"));
}

TEST_F(HostileStoreTest, AVirtualTableInPlaceOfATableIsRefused) {
  tamper(results(),
         "PRAGMA foreign_keys=OFF; DROP TABLE unit_failure; CREATE VIRTUAL TABLE unit_failure USING rtree(a, b, c)");

  EXPECT_THAT(error_of(ErrorKind::store, [&] { read_status(dir_); }), HasSubstr("unit_failure"));
}

TEST_F(HostileStoreTest, AViewRewrittenThroughTheSchemaTableIsRefusedAndARunMakesTheStoreAnew) {
  tamper(results(),
         "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE VIEW progress AS SELECT 1' "
         "WHERE name = 'progress'");
  EXPECT_THAT(error_of(ErrorKind::store, [&] { run_query(dir_, "progress"); }), HasSubstr("progress"));

  EXPECT_THAT(rebuild_if_damaged(dir_, testing::example_identity()), HasSubstr("progress"));

  Database db = Database::open_results(dir_, Database::Access::write);
  testing::plan_example_round(db, 5);
  EXPECT_EQ(hash(), expected_);
}

TEST_F(HostileStoreTest, OurConnectionsCannotWriteTheSchemaOrOpenOtherFiles) {
  const Connection connection(results(), Connection::Mode::write);
  const auto refusal = [&](const std::string& sql) {
    return error_of(ErrorKind::store, [&] { connection.exec(sql); });
  };

  EXPECT_THAT(refusal("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = ''"),
              HasSubstr("may not be modified"));
  EXPECT_THAT(refusal("ATTACH '" + temp_.file("other.db") + "' AS o"), HasSubstr("too many attached"));
  EXPECT_THAT(refusal("SELECT load_extension('x')"), HasSubstr("SQL failed"));
  EXPECT_THAT(refusal("SELECT length(zeroblob(300000000))"), HasSubstr("too big"));
  EXPECT_EQ(connection.integer("SELECT length(zeroblob(200000000))"), 200000000);
  EXPECT_FALSE(fs::exists(temp_.file("other.db")));
}

TEST_F(HostileStoreTest, AQueryCannotWriteAnyFile) {
  const std::string target = temp_.file("target");
  const std::vector<std::string> attempts = {"VACUUM INTO '" + target + "'",
                                             "ATTACH '" + target + "' AS t",
                                             "SELECT writefile('" + target + "', 'x')",
                                             "SELECT load_extension('" + target + "')",
                                             "SELECT fts3_tokenizer('simple', x'00')",
                                             "PRAGMA temp_store_directory = '" + temp_.path().native() + "'",
                                             "PRAGMA journal_mode = WAL",
                                             "PRAGMA wal_checkpoint(TRUNCATE)",
                                             "PRAGMA writable_schema = ON",
                                             "CREATE TEMP VIEW v AS SELECT 1",
                                             "REINDEX",
                                             "ANALYZE",
                                             "WITH x(a) AS (SELECT 1) DELETE FROM trace",
                                             "BEGIN IMMEDIATE"};
  for (const std::string& sql : attempts) {
    try {
      run_query(dir_, sql);  // some do nothing at all, which is as well
    } catch (const Error&) {
    }
    EXPECT_FALSE(fs::exists(target)) << sql;
  }
  EXPECT_EQ(hash(), expected_);
}

TEST_F(HostileStoreTest, LinksAreRefusedAndTheirTargetsStayUntouched) {
  const std::string other = temp_.file("other.db");
  fs::copy_file(shard(), other);
  const std::string bytes = read_file(other);
  const auto refusal = [&](auto&& call) { return error_of(ErrorKind::store, call); };

  fs::create_directory(dir_ + "/launch-2");
  fs::create_symlink(other, shard_path(dir_, 2, 0));
  EXPECT_THAT(refusal([&] { merge_shards(dir_); }), HasSubstr("shard-0.db: is a symbolic link"));
  EXPECT_THAT(refusal([&] { verify_store(dir_); }), HasSubstr("symbolic link"));
  fs::remove_all(dir_ + "/launch-2");

  fs::create_directory(temp_.file("elsewhere"));
  fs::create_symlink(temp_.file("elsewhere"), dir_ + "/launch-3");
  EXPECT_THAT(refusal([&] { merge_shards(dir_); }), HasSubstr("launch-3: is a symbolic link"));
  EXPECT_THAT(refusal([&] { claim_launch(dir_); }), HasSubstr("launch-3: is a symbolic link"));
  fs::remove(dir_ + "/launch-3");

  fs::create_symlink(other, dir_ + "/launch-1/rank-0.now");
  Database db = Database::open_results(dir_, Database::Access::write);
  EXPECT_THAT(refusal([&] { record_crashes(db, dir_); }), HasSubstr("rank-0.now: is a symbolic link"));
  fs::remove(dir_ + "/launch-1/rank-0.now");

  const std::string linked = temp_.file("linked");
  fs::create_directory(linked);
  fs::create_symlink(other, results_path(linked));
  EXPECT_THAT(refusal([&] { read_status(linked); }), HasSubstr("results.db: is a symbolic link"));
  EXPECT_THAT(refusal([&] { create_or_open_results(linked, testing::example_identity()); }), HasSubstr("symbolic"));

  EXPECT_EQ(read_file(other), bytes);
  EXPECT_TRUE(fs::is_empty(temp_.file("elsewhere")));
}

TEST_F(HostileStoreTest, PipesAreRefusedAndNotWaitedFor) {
  const auto refusal = [](auto&& call) { return error_of(ErrorKind::store, call); };
  fs::create_directory(dir_ + "/launch-2");
  for (const char* part : {"", "-journal", "-wal"}) {
    const std::string pipe = shard_path(dir_, 2, 0) + part;
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    if (*part) write_file(shard_path(dir_, 2, 0), "");
    EXPECT_THAT(refusal([&] { verify_store(dir_); }), HasSubstr(pipe + ": is no regular file"));
    EXPECT_THAT(refusal([&] { merge_shards(dir_); }), HasSubstr("is no regular file"));
    fs::remove(pipe);
    fs::remove(shard_path(dir_, 2, 0));
  }
  fs::remove_all(dir_ + "/launch-2");

  ASSERT_EQ(::mkfifo((dir_ + "/launch-1/rank-0.now").c_str(), 0600), 0);
  Database db = Database::open_results(dir_, Database::Access::write);
  EXPECT_THAT(refusal([&] { record_crashes(db, dir_); }), HasSubstr("rank-0.now: is no regular file"));

  ASSERT_EQ(::mkfifo((dir_ + "/launch-3").c_str(), 0600), 0);
  EXPECT_THAT(refusal([&] { claim_launch(dir_); }), HasSubstr("launch-3: is no folder"));

  const std::string piped = temp_.file("piped");
  fs::create_directory(piped);
  ASSERT_EQ(::mkfifo(results_path(piped).c_str(), 0600), 0);
  EXPECT_THAT(refusal([&] { read_status(piped); }), HasSubstr("results.db: is no regular file"));
}

/// Every integer of every table at its extremes: nothing crashes, hangs or takes all memory.
TEST_F(HostileStoreTest, ExtremeNumbersAreErrorsOrHarmless) {
  std::vector<std::pair<std::string, std::string>> columns;
  {
    const Connection connection(results(), Connection::Mode::read);
    Statement statement = connection.prepare(
        "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c "
        "WHERE t.type = 'table' AND c.type = 'INTEGER'");
    while (statement.step()) columns.emplace_back(statement.text(0), statement.text(1));
  }
  ASSERT_GT(columns.size(), 20u);
  const std::string pristine = read_file(results());
  for (const auto& [table, column] : columns) {
    for (const char* value : {"9223372036854775807", "-9223372036854775808"}) {
      write_file(results(), pristine);
      for (const char* part : {"-wal", "-shm"}) fs::remove(results() + part);
      tamper(results(),
             fmt::format("PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON; "
                         "UPDATE OR IGNORE {} SET {} = {}",
                         table, column, value));
      const auto attempt = [&](auto&& call) {
        try {
          call();
        } catch (const Error&) {
        }
      };
      attempt([&] { verify_store(dir_); });
      attempt([&] { read_status(dir_); });
      attempt([&] { run_query(dir_, "SELECT count(*), sum(effect) FROM effects"); });
      attempt([&] { run_query(dir_, "top_neurons"); });
    }
  }
}

}  // namespace
}  // namespace neurosweep
