#include "framework/store/merge.hpp"

#include <filesystem>
#include <optional>

#include "framework/base/log.hpp"
#include "framework/store/database.hpp"
#include "framework/store/unit_io.hpp"
#include "results_schema/schema.hpp"

namespace neurosweep {

namespace fs = std::filesystem;

namespace {

using Fault = StoreError::Fault;

constexpr std::chrono::milliseconds kShardPatience{250};

// Opens a shard for reading; write access lets SQLite finish what a killed writer left in its journal.
Connection open_shard(const ShardFile& file, const std::string& study_id) {
  Connection shard(file.path, Connection::Mode::write, kShardPatience);
  if (read_version(shard) != schema_version()) {
    throw StoreError(ErrorKind::store, Fault::damaged, file.path, file.path + ": holds no shard schema");
  }
  const std::string owner = shard.text("SELECT study_id FROM shard");
  if (owner != study_id) {
    throw error(ErrorKind::store, "{}: is a shard of study {}, this store holds study {}: move it away", file.path,
                owner, study_id);
  }
  return shard;
}

// Folds one shard into results.db within the caller's transaction.
class ShardMerge {
 public:
  ShardMerge(const Database& results, const ShardFile& file, const Connection& shard, MergeReport& report)
      : file_(file),
        known_(results.connection().prepare(select_sql<UnitRow>("WHERE round_id = ? AND unit = ?"))),
        reader_(shard),
        writer_(results.connection()),
        report_(report) {}

  void merge_unit(const UnitRow& unit) {
    const std::optional<UnitRow> known = find_known(unit);
    if (known && known->crc32c == unit.crc32c && known->content_hash == unit.content_hash) {
      ++report_.units_known;
      return;
    }
    const UnitRows rows = reader_.read(unit.round_id, unit.unit);
    if (rows.crc32c(unit.content_hash) != unit.crc32c) {
      ++report_.units_damaged;
      log_warning("{}: unit {} of round {} does not match its checksum and is dropped: it will be measured again",
                  file_.path, unit.unit, unit.round_id);
      return;
    }
    if (known) throw measured_differently(*known, unit);
    writer_.write(unit, rows);
    ++report_.units_added;
  }

 private:
  std::optional<UnitRow> find_known(const UnitRow& unit) {
    known_.bind(1, unit.round_id);
    known_.bind(2, unit.unit);
    std::optional<UnitRow> found;
    if (known_.step()) found = read_row<UnitRow>(known_);
    known_.reset();
    return found;
  }

  Error measured_differently(const UnitRow& known, const UnitRow& unit) const {
    return error(
        ErrorKind::store,
        "unit {} of round {} was measured twice with different results (checksum {:08x} in launch-{}/shard-{}.db, "
        "{:08x} in {}): find what differs between the two ranks; results.db keeps the first",
        unit.unit, unit.round_id, known.crc32c, known.launch, known.rank, unit.crc32c, file_.name);
  }

  const ShardFile& file_;
  Statement known_;
  UnitReader reader_;
  UnitWriter writer_;
  MergeReport& report_;
};

std::int64_t merge_failures(const Connection& results, const Connection& shard) {
  Statement select = shard.prepare(select_sql<UnitFailureRow>(""));
  Statement insert =
      results.prepare(insert_sql<UnitFailureRow>() + fmt::format(" ON CONFLICT({}) DO NOTHING", UnitFailureRow::kKey));
  std::int64_t added = 0;
  while (select.step()) {
    insert_row(insert, read_row<UnitFailureRow>(select));
    added += results.changes();
  }
  return added;
}

// Counts that tell whether a shard grew since it was merged.
MergedShardRow summarize(const ShardFile& file, const Connection& shard) {
  return {file.name, shard.integer("SELECT count(*) FROM unit"), shard.integer("SELECT count(*) FROM unit_failure"),
          utc_now()};
}

void merge_shard(Database& results, const ShardFile& file, const std::string& study_id, MergeReport& report) {
  const Connection shard = open_shard(file, study_id);
  const MergedShardRow summary = summarize(file, shard);
  const auto merged = results.select<MergedShardRow>("WHERE shard = ?", {file.name});
  if (!merged.empty() && merged.front().units == summary.units && merged.front().failures == summary.failures) {
    report.units_known += summary.units;
    return;
  }
  MergeReport changed = report;  // counts only once the transaction holds
  Transaction transaction(results.connection());
  {
    ShardMerge merge(results, file, shard, changed);
    Statement units = shard.prepare(select_sql<UnitRow>(fmt::format("ORDER BY {}", UnitRow::kKey)));
    while (units.step()) merge.merge_unit(read_row<UnitRow>(units));
  }
  changed.failures_added += merge_failures(results.connection(), shard);
  Statement note = results.connection().prepare(
      insert_sql<MergedShardRow>() +
      " ON CONFLICT(shard) DO UPDATE SET units = excluded.units, failures = excluded.failures, "
      "merged_utc = excluded.merged_utc");
  insert_row(note, summary);
  transaction.commit();
  report = changed;
}

// Takes a torn shard out of the way, with its journals; its units will be measured again.
void quarantine(const ShardFile& file, const Error& why, MergeReport& report) {
  log_warning("{} is set aside as *.corrupt and its units will be measured again ({})", file.path, why.what());
  std::error_code failure;
  fs::rename(file.path, file.path + ".corrupt", failure);
  if (failure) throw error(ErrorKind::io, "{}: cannot be renamed ({})", file.path, failure.message());
  for (const char* journal : {"-wal", "-shm", "-journal"}) {
    if (fs::exists(file.path + journal, failure))
      fs::rename(file.path + journal, file.path + ".corrupt" + journal, failure);
  }
  report.quarantined.push_back(file.name);
}

}  // namespace

MergeReport merge_shards(const std::string& dir) {
  Database results = Database::open_results(dir, Database::Access::write);
  const std::string study_id = results.study().study_id;
  MergeReport report;
  for (const ShardFile& file : list_shards(dir)) {
    ++report.shards;
    try {
      merge_shard(results, file, study_id, report);
    } catch (const StoreError& failure) {
      if (failure.path() != file.path || failure.kind() == ErrorKind::io) throw;
      if (failure.fault() == Fault::busy) {
        report.busy.push_back(file.name);
      } else {
        quarantine(file, failure, report);  // our own SQL fails on a damaged file only
      }
    }
  }
  return report;
}

}  // namespace neurosweep
