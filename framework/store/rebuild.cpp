#include "framework/store/rebuild.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
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

// Held by every start while it checks results.db, and alone while it makes it anew: of jobs that start at once on a
// damaged store one does. A file beside results.db, which gets another name meanwhile.
class RebuildLock {
 public:
  explicit RebuildLock(const std::string& dir)
      : path_(results_path(dir) + ".lock"),
        descriptor_(::open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0666)) {
    if (descriptor_ < 0) {
      throw error(ErrorKind::io, "{}: cannot be opened ({}): the store folder must be writable", path_, errno_text());
    }
  }
  ~RebuildLock() { ::close(descriptor_); }
  RebuildLock(const RebuildLock&) = delete;
  RebuildLock& operator=(const RebuildLock&) = delete;

  // Gives up the lock held before, if there is one, before it waits.
  void take(int mode) const {
    while (::flock(descriptor_, mode) != 0) {
      if (errno == EINTR) continue;
      log_warning("{}: cannot be locked ({}): start no two jobs at once on a damaged store there", path_, errno_text());
      return;
    }
  }

 private:
  std::string path_;
  int descriptor_;
};

template <class Row>
std::vector<Row> read_rows(const Connection& connection) {
  std::vector<Row> rows;
  Statement select = connection.prepare(select_sql<Row>(""));
  while (select.step()) rows.push_back(read_row<Row>(select));
  return rows;
}

// Damage may hide which study a file is of; then its shards tell.
void refuse_results_of_others(const std::string& path, const std::string& study_id) {
  std::string there;
  try {
    const Connection damaged(path, Connection::Mode::read);
    expect_own_schema(damaged, kResults, SchemaPart::tables);
    const auto studies = read_rows<StudyRow>(damaged);
    if (studies.empty()) return;
    there = studies.front().study_id;
    if (there == study_id) return;
    if (make_study_id({studies.front(), read_rows<ModelRow>(damaged), read_rows<TaskRow>(damaged)}) == study_id) return;
  } catch (const StoreError& failure) {
    if (!tells_of_damage(failure)) throw;
  }
  if (there.empty()) return;
  throw error(ErrorKind::store,
              "{}: is damaged and of another study ({} there, {} now): nothing was changed; give another folder, or go "
              "back to that study's settings to have it mended",
              path, there, study_id);
}

void refuse_shards_of_others(const std::string& dir, const std::string& study_id) {
  for (const RankFile& file : list_shards(dir)) {
    std::string owner;
    try {
      const Connection shard(file.path, Connection::Mode::read, std::chrono::milliseconds(250));
      expect_own_schema(shard, kShard, SchemaPart::tables);
      owner = shard.text("SELECT study_id FROM shard");
    } catch (const StoreError& failure) {
      if (!tells_of_damage(failure) && failure.fault() != Fault::busy) throw;
    }
    if (owner.empty() || owner == study_id) continue;
    throw error(
        ErrorKind::store,
        "{}: is a shard of study {}, and this is study {}: nothing was changed; give another folder, go back to "
        "that study's settings, or move the shard away",
        file.path, owner, study_id);
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
  salvage(*damaged, "suspicions", [&] { copy_rows<UnitSuspicionRow>(results, *damaged); });
  salvage(*damaged, "units", [&] { merge_sound_units(results, *damaged); });
}

}  // namespace

std::string rebuild_if_damaged(const std::string& dir, const StudyIdentity& identity) {
  const std::string path = results_path(dir);
  const std::string study_id = make_study_id(identity);
  std::error_code unknown;
  if (!fs::exists(path, unknown)) {
    if (fs::exists(dir, unknown)) refuse_shards_of_others(dir, study_id);
    return "";
  }
  const RebuildLock lock(dir);
  lock.take(LOCK_SH);
  if (first_damage(dir).empty()) return "";
  lock.take(LOCK_EX);
  const std::string damage = first_damage(dir);  // another start may have mended it
  if (damage.empty()) return "";
  refuse_results_of_others(path, study_id);
  refuse_shards_of_others(dir, study_id);
  log_warning("{} is damaged ({}): it is set aside as *.corrupt and made anew", path, damage);
  const std::string aside = set_database_aside(path);
  Database results = create_or_open_results(dir, identity);
  merge_shards(dir);
  salvage_all(results, aside);
  return damage;
}

}  // namespace neurosweep
