#include "framework/store/outdated.hpp"

#include <optional>
#include <type_traits>

#include "framework/base/log.hpp"
#include "framework/store/merge.hpp"
#include "framework/store/unit_journal.hpp"

namespace neurosweep {

namespace {

// A round of which nothing is measured costs nothing to plan anew.
bool is_outdated(const Database& db, std::int64_t round_id) {
  Statement statement = db.connection().prepare(
      "SELECT NOT EXISTS (SELECT 1 FROM unit WHERE round_id = ?1) OR "
      "(SELECT max(launch) FROM unit WHERE round_id < ?1) > (SELECT min(launch) FROM unit WHERE round_id = ?1)");
  statement.bind(1, round_id);
  return statement.step() && !statement.is_null(0) && statement.integer(0) == 1;
}

void delete_rows(const Connection& connection, std::string_view table, std::int64_t round_id) {
  Statement remove = connection.prepare(fmt::format("DELETE FROM \"{}\" WHERE round_id = ?", table));
  remove.bind(1, round_id);
  remove.run();
}

void delete_measured(const Connection& connection, std::int64_t round_id) {
  for_each_table<MeasuredTables>([&]<class Row>() { delete_rows(connection, Row::kTable, round_id); });
  delete_rows(connection, UnitFailureRow::kTable, round_id);
  delete_rows(connection, UnitRow::kTable, round_id);
}

struct ShardCounts {
  std::int64_t units, failures;
};

ShardCounts count(const Connection& shard) {
  return {shard.integer("SELECT count(*) FROM unit"), shard.integer("SELECT count(*) FROM unit_failure")};
}

// A shard that was merged as a whole still is, with fewer rows: merged again, it would bring back forgotten failures.
void keep_merged(const Database& db, const std::string& name, const ShardCounts& before, const ShardCounts& after) {
  Statement update = db.connection().prepare(
      "UPDATE merged_shard SET units = ?, failures = ? WHERE shard = ? AND units = ? AND failures = ?");
  update.bind(1, after.units);
  update.bind(2, after.failures);
  update.bind(3, name);
  update.bind(4, before.units);
  update.bind(5, before.failures);
  update.run();
}

void drop_from_shard(const Database& db, const RankFile& file, std::int64_t round_id) {
  const Connection shard(file.path, Connection::Mode::write);
  shard.use_durable_journal();
  const ShardCounts before = count(shard);
  Transaction transaction(shard);
  delete_measured(shard, round_id);
  transaction.commit();
  keep_merged(db, file.name, before, count(shard));
}

void drop_from_shards(const Database& db, const OwnedStore& store, std::int64_t round_id) {
  for (const RankFile& file : list_shards(store.dir)) {
    if (file.launch == store.launch) continue;  // it has not come to this round
    try {
      drop_from_shard(db, file, round_id);
    } catch (const StoreError& failure) {
      if (failure.path() != file.path || failure.fault() != StoreError::Fault::damaged) throw;
      set_shard_aside(file, failure.what());
    }
  }
}

void drop_round(Database& db, const OwnedStore& store, const RoundRow& round) {
  if (const auto other = launch_at_work(store.dir, store.launch)) {
    throw error(ErrorKind::store,
                "{}: round {} of '{}' comes out otherwise than it was planned, as units before it that had failed are "
                "measured now, and launch {} is at work on this store: run again when it has ended",
                db.path(), round.round_no, round.experiment, *other);
  }
  Transaction transaction(db.connection());
  const auto units = std::ssize(finished_units(db, round.round_id));
  drop_from_shards(db, store, round.round_id);
  delete_measured(db.connection(), round.round_id);
  for_each_table<PlanTables>([&]<class Row>() {
    if constexpr (!std::is_same_v<Row, RoundRow>) delete_rows(db.connection(), Row::kTable, round.round_id);
  });
  delete_rows(db.connection(), RoundRow::kTable, round.round_id);
  transaction.commit();
  log_warning(
      "round {} of '{}' comes out otherwise than it was planned, as units before it that had failed are measured now: "
      "its {} measured units are dropped",
      round.round_no, round.experiment, units);
}

}  // namespace

void drop_outdated(Database& db, const OwnedStore& store, const RoundRow& planned) {
  for (const RoundRow& round : db.select<RoundRow>("WHERE round_id = ?", {planned.round_id})) {
    const bool same = round.plan_hash == planned.plan_hash && round.n_units == planned.n_units;
    if (!same && is_outdated(db, round.round_id)) drop_round(db, store, round);
  }
}

void drop_outdated_between(Database& db, const OwnedStore& store, std::int64_t first, std::int64_t last) {
  for (const RoundRow& round :
       db.select<RoundRow>("WHERE round_id >= ? AND round_id < ? ORDER BY round_id", {first, last})) {
    if (is_outdated(db, round.round_id)) drop_round(db, store, round);
  }
}

}  // namespace neurosweep
