#include "framework/store/merge.hpp"

#include <filesystem>
#include <map>
#include <optional>

#include "framework/base/log.hpp"
#include "framework/store/unit_difference.hpp"
#include "framework/store/unit_io.hpp"
#include "results_schema/schema.hpp"

namespace neurosweep {

namespace fs = std::filesystem;

namespace {

using Fault = StoreError::Fault;

constexpr std::chrono::milliseconds kShardPatience{250};

// Opens a shard for reading; write access lets SQLite finish what a killed writer left in its journal.
Connection open_shard(const RankFile& file, const std::string& study_id) {
  Connection shard(file.path, Connection::Mode::write, kShardPatience);
  if (expect_own_schema(shard, kShard) == 0) {
    throw StoreError(ErrorKind::store, Fault::damaged, file.path, file.path + ": holds no shard schema");
  }
  bring_up_to_date(shard, kShard);
  const std::string owner = shard.text("SELECT study_id FROM shard");
  if (owner != study_id) {
    throw error(ErrorKind::store, "{}: is a shard of study {}, this store holds study {}: move it away", file.path,
                owner, study_id);
  }
  return shard;
}

// Folds one file's units into results.db within the caller's transaction.
class ShardMerge {
 public:
  ShardMerge(const Database& results, std::string name, const Connection& shard, MergeReport& report)
      : results_(results.connection()),
        name_(std::move(name)),
        shard_(shard),
        known_(results.connection().prepare(select_sql<UnitRow>("WHERE round_id = ? AND unit = ?"))),
        reader_(shard),
        writer_(results.connection()),
        report_(report) {
    for (const RoundRow& round : results.select<RoundRow>()) plans_[round.round_id] = round.plan_hash;
  }

  void merge_all() {
    const std::int64_t before = report_.units_of_other_plans;
    Statement units = shard_.prepare(select_sql<UnitRow>(fmt::format("ORDER BY {}", UnitRow::kKey)));
    while (units.step()) merge_unit(read_row<UnitRow>(units));
    if (report_.units_of_other_plans > before) {
      log_warning("{}: {} units were measured for another plan than that of now: they are left there", shard_.path(),
                  report_.units_of_other_plans - before);
    }
  }

 private:
  void merge_unit(const UnitRow& unit) {
    const auto plan = plans_.find(unit.round_id);
    const bool is_planned = plan == plans_.end() || unit.content_hash == unit_hash(plan->second, unit.unit);
    const std::optional<UnitRow> known = is_planned ? find_known(unit) : std::nullopt;
    if (known && known->crc32c == unit.crc32c && known->content_hash == unit.content_hash) {
      ++report_.units_known;
      return;
    }
    const UnitRows rows = reader_.read(unit.round_id, unit.unit);
    if (rows.crc32c(unit.content_hash) != unit.crc32c) {
      ++report_.units_damaged;
      log_warning("{}: unit {} of round {} does not match its checksum and is dropped", shard_.path(), unit.unit,
                  unit.round_id);
      return;
    }
    if (known && !are_of_two_plans(*known, unit)) throw measured_differently(*known, unit, rows);
    if (known || !is_planned) ++report_.units_of_other_plans;
    if (!is_planned || (known && known->launch > unit.launch)) return;
    if (known) remove_unit(results_, unit.round_id, unit.unit);
    writer_.write(unit, rows);
    ++report_.units_added;
  }

  // Launches share a plan as long as results.db lasts; without it a later one may have planned otherwise, and is right
  // until the round is planned again.
  static bool are_of_two_plans(const UnitRow& known, const UnitRow& unit) {
    return known.content_hash != unit.content_hash && known.launch != unit.launch;
  }

  std::optional<UnitRow> find_known(const UnitRow& unit) {
    known_.bind(1, unit.round_id);
    known_.bind(2, unit.unit);
    std::optional<UnitRow> found;
    if (known_.step()) found = read_row<UnitRow>(known_);
    known_.reset();
    return found;
  }

  Error measured_differently(const UnitRow& known, const UnitRow& unit, const UnitRows& rows) const {
    const std::string difference =
        known.content_hash != unit.content_hash
            ? fmt::format("its definition hashes to {} and {}", known.content_hash, unit.content_hash)
            : describe_difference(UnitReader(results_).read(unit.round_id, unit.unit), rows);
    return error(ErrorKind::store,
                 "unit {} of round {} was measured twice with different results, in launch-{}/shard-{}.db (checksum "
                 "{:08x}) and in {} ({:08x}): {}: find what differs between the two ranks; results.db keeps the first",
                 unit.unit, unit.round_id, known.launch, known.rank, known.crc32c, name_, unit.crc32c, difference);
  }

  const Connection& results_;
  std::map<std::int64_t, std::string> plans_;  // hash by round
  std::string name_;
  const Connection& shard_;
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
MergedShardRow summarize(const RankFile& file, const Connection& shard) {
  return {file.name, shard.integer("SELECT count(*) FROM unit"), shard.integer("SELECT count(*) FROM unit_failure"),
          utc_now()};
}

// Takes over what is sound in a shard.
//   throws  StoreError of the shard, with what is sound kept, when some of it is damaged
void merge_shard(Database& results, const RankFile& file, const std::string& study_id, MergeReport& report) {
  const Connection shard = open_shard(file, study_id);
  const MergedShardRow summary = summarize(file, shard);
  const auto merged = results.select<MergedShardRow>("WHERE shard = ?", {file.name});
  if (!merged.empty() && merged.front().units == summary.units && merged.front().failures == summary.failures) {
    report.units_known += summary.units;
    return;
  }
  MergeReport changed = report;  // counts only once the transaction holds
  Transaction transaction(results.connection());
  std::optional<StoreError> damage;
  try {
    ShardMerge(results, file.name, shard, changed).merge_all();
  } catch (const StoreError& failure) {
    if (failure.path() != file.path || failure.fault() == Fault::busy || failure.kind() == ErrorKind::io) throw;
    damage = failure;
  }
  if (changed.units_damaged > report.units_damaged) {
    damage.emplace(ErrorKind::store, Fault::damaged, file.path, "units do not match their checksums");
  }
  if (!damage) changed.failures_added += merge_failures(results.connection(), shard);
  Statement note = results.connection().prepare(
      insert_sql<MergedShardRow>() +
      " ON CONFLICT(shard) DO UPDATE SET units = excluded.units, failures = excluded.failures, "
      "merged_utc = excluded.merged_utc");
  insert_row(note, summary);
  transaction.commit();
  report = changed;
  if (damage) throw *damage;
}

}  // namespace

MergeReport merge_shards(const std::string& dir) {
  Database results = Database::open_results(dir, Database::Access::write);
  const std::string study_id = results.study().study_id;
  MergeReport report;
  for (const RankFile& file : list_shards(dir)) {
    ++report.shards;
    try {
      merge_shard(results, file, study_id, report);
    } catch (const StoreError& failure) {
      if (failure.path() != file.path || failure.kind() == ErrorKind::io) throw;
      if (failure.fault() == Fault::busy) {
        report.busy.push_back(file.name);
      } else {
        set_shard_aside(file, failure.what());  // our own SQL fails on a damaged file only
        report.quarantined.push_back(file.name);
      }
    }
  }
  return report;
}

void merge_sound_units(Database& results, const Connection& damaged) {
  MergeReport report;
  Transaction transaction(results.connection());
  try {
    ShardMerge(results, "results.db.corrupt", damaged, report).merge_all();
  } catch (const StoreError& failure) {
    if (failure.path() == damaged.path()) transaction.commit();
    throw;
  }
  transaction.commit();
}

void set_shard_aside(const RankFile& shard, const std::string& why) {
  std::error_code unknown;
  if (!fs::exists(shard.path, unknown)) return;
  log_warning("{} is set aside as *.corrupt; units that results.db lacks will be measured again ({})", shard.path, why);
  set_database_aside(shard.path);
}

}  // namespace neurosweep
