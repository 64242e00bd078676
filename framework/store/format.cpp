#include "framework/store/format.hpp"

#include <sqlite3.h>

#include <mutex>
#include <utility>

#include "results_schema/schema.hpp"

namespace neurosweep {

namespace {

/// What statements read until it ends is of one moment: another process may bring the file up to date between two.
class Snapshot {
 public:
  explicit Snapshot(const Connection& connection)
      : connection_(connection), mine_(sqlite3_get_autocommit(connection.raw().getHandle()) != 0) {
    if (mine_) connection_.exec("BEGIN");
  }
  ~Snapshot() {
    if (mine_) connection_.raw().tryExec("ROLLBACK");
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  const Connection& connection_;
  bool mine_;  // within a transaction of the caller there is nothing to do
};

}  // namespace

int read_version(const Connection& connection) {
  const Snapshot snapshot(connection);
  const std::string& path = connection.path();
  const std::int64_t version = connection.integer("PRAGMA user_version");
  const std::int64_t owner = connection.integer("PRAGMA application_id");
  if (version == 0 && owner == 0 && connection.integer("SELECT count(*) FROM sqlite_schema") == 0) return 0;
  if (owner != kApplicationId || version < 1) {
    throw StoreError(ErrorKind::store, StoreError::Fault::foreign, path,
                     fmt::format("{}: is no neurosweep store (application_id {:#x}, expected {:#x}): give another path",
                                 path, owner, kApplicationId));
  }
  if (version > schema_version()) {
    throw error(ErrorKind::store,
                "{}: was written by a newer neurosweep (schema {}, this program knows up to {}): use that version",
                path, version, schema_version());
  }
  return static_cast<int>(version);
}

namespace {

/// Applies the schema files up to `version` that a store file lacks.
void bring_to_version(const Connection& connection, std::string_view store, int version) {
  if (read_version(connection) >= version) return;
  Transaction transaction(connection);
  for (int done = read_version(connection); done < version; ++done) {
    const SqlFile& file = schema_files()[static_cast<std::size_t>(done)];
    if (applies_to(file, store)) connection.exec(std::string(file.text));
  }
  connection.exec(fmt::format("PRAGMA application_id={}", kApplicationId));
  connection.exec(fmt::format("PRAGMA user_version={}", version));
  transaction.commit();
}

}  // namespace

void bring_up_to_date(const Connection& connection, std::string_view store) {
  bring_to_version(connection, store, schema_version());
}

std::map<std::string, std::string> schema_text(const Connection& connection) {
  Statement statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
  std::map<std::string, std::string> objects;
  while (statement.step()) objects[statement.text(0)] = statement.text(1);
  return objects;
}

const std::map<std::string, std::string>& own_schema(std::string_view store, int version) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, int>, std::map<std::string, std::string>> made;
  const std::lock_guard lock(mutex);
  const auto [place, is_new] = made.try_emplace({std::string(store), version});
  if (is_new) {
    const Connection fresh(":memory:", Connection::Mode::create);
    bring_to_version(fresh, store, version);
    place->second = schema_text(fresh);
  }
  return place->second;
}

int expect_own_schema(const Connection& connection, std::string_view store, SchemaPart part) {
  const Snapshot snapshot(connection);
  const int version = read_version(connection);
  if (version == 0) return version;
  const auto found = schema_text(connection);
  for (const auto& [name, sql] : own_schema(store, version)) {
    if (part == SchemaPart::tables && !sql.starts_with("CREATE TABLE")) continue;
    const auto place = found.find(name);
    if (place != found.end() && place->second == sql) continue;
    throw StoreError(ErrorKind::store, StoreError::Fault::damaged, connection.path(),
                     fmt::format("{}: its '{}' {}: it was changed by another program; restore a copy, or run the study "
                                 "again, which takes over what is sound",
                                 connection.path(), name,
                                 place == found.end() ? "is missing" : "is not the one that this program makes"));
  }
  return version;
}

}  // namespace neurosweep
