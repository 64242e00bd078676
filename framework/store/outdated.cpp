#include "framework/store/outdated.hpp"

#include <optional>
#include <type_traits>

#include "framework/base/log.hpp"
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
  delete_rows(connection, UnitSuspicionRow::kTable, round_id);
  delete_rows(connection, UnitRow::kTable, round_id);
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
  delete_measured(db.connection(), round.round_id);
  for_each_table<PlanTables>([&]<class Row>() {
    if constexpr (!std::is_same_v<Row, RoundRow>) delete_rows(db.connection(), Row::kTable, round.round_id);
  });
  delete_rows(db.connection(), RoundRow::kTable, round.round_id);
  transaction.commit();
  log_warning(
      "round {} of '{}' comes out otherwise than it was planned, as units before it that had failed are measured now: "
      "its {} measured units are left to the shards, and what is planned now is measured",
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
