#include "framework/store/rebuild.hpp"

#include <filesystem>

#include "framework/base/log.hpp"
#include "framework/store/merge.hpp"
#include "framework/store/verify.hpp"

namespace neurosweep {

namespace fs = std::filesystem;

namespace {

using Fault = StoreError::Fault;

// Whether a failure of SQL tells of damage in the file: our own statements fail on nothing else.
bool tells_of_damage(const StoreError& failure) {
  return failure.kind() == ErrorKind::store && failure.fault() != Fault::busy && failure.fault() != Fault::foreign;
}

std::string first_damage(const std::string& dir) {
  try {
    const Database db = Database::open_results(dir, Database::Access::write);
    if (db.connection().integer("SELECT count(*) FROM study") == 0) return "";  // killed before its first row
    const auto damage = find_damage(db);
    return damage.empty() ? "" : damage.front();
  } catch (const StoreError& failure) {
    if (!tells_of_damage(failure)) throw;
    return failure.what();
  }
}

void set_aside(const std::string& path) {
  for (const char* part : {"-wal", "-shm", "-journal", ""}) {
    std::error_code failure;
    if (!fs::exists(path + part, failure)) continue;
    fs::rename(path + part, path + ".corrupt" + part, failure);
    if (failure) throw error(ErrorKind::io, "{}{}: cannot be renamed ({})", path, part, failure.message());
  }
}

template <class Row>
void copy_rows(Database& results, const Connection& damaged, const std::string& tail = "") {
  Statement select = damaged.prepare(select_sql<Row>(tail));
  Statement insert = results.connection().prepare(insert_sql<Row>() + " ON CONFLICT DO NOTHING");
  while (select.step()) insert_row(insert, read_row<Row>(select));
}

// Takes over what can be read of the damaged file, up to the first page that cannot.
template <class Copy>
void salvage(const Connection& damaged, const char* what, Copy&& copy) {
  try {
    copy();
  } catch (const StoreError& failure) {
    if (!tells_of_damage(failure)) throw;
    log_warning("{}: not all of its {} can be read ({})", damaged.path(), what, failure.what());
  }
}

void salvage_all(Database& results, const std::string& path) {
  std::optional<Connection> damaged;
  try {
    damaged.emplace(path, Connection::Mode::read);
    expect_own_schema(*damaged, kResults, SchemaPart::tables);
    if (damaged->text("SELECT study_id FROM study") != results.study().study_id) {
      log_warning("{}: is not known to be of this study: nothing of it is taken over", path);
      return;
    }
  } catch (const StoreError& failure) {
    if (!tells_of_damage(failure)) throw;
    log_warning("{}: nothing of it can be taken over ({})", path, failure.what());
    return;
  }
  salvage(*damaged, "launches", [&] { copy_rows<LaunchRow>(results, *damaged); });
  salvage(*damaged, "workers",
          [&] { copy_rows<WorkerRow>(results, *damaged, "WHERE launch IN (SELECT launch FROM launch)"); });
  salvage(*damaged, "crashes", [&] { copy_rows<UnitFailureRow>(results, *damaged, "WHERE kind = 'crash'"); });
  salvage(*damaged, "units", [&] { merge_sound_units(results, *damaged); });
}

}  // namespace

std::string rebuild_if_damaged(const std::string& dir, const StudyIdentity& identity) {
  const std::string path = results_path(dir);
  std::error_code unknown;
  if (!fs::exists(path, unknown)) return "";
  const std::string damage = first_damage(dir);
  if (damage.empty()) return "";
  log_warning("{} is damaged ({}): it is set aside as results.db.corrupt and made anew", path, damage);
  set_aside(path);
  Database results = create_or_open_results(dir, identity);
  merge_shards(dir);
  salvage_all(results, path + ".corrupt");
  return damage;
}

}  // namespace neurosweep
