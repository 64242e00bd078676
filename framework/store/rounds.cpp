#include <algorithm>

#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/store/database.hpp"
#include "framework/store/row_codec.hpp"
#include "framework/store/unit_io.hpp"

namespace neurosweep {

namespace {

std::vector<std::int64_t> integers(const Database& db, const std::string& sql, std::int64_t argument) {
  Statement statement = db.connection().prepare(sql);
  statement.bind(1, argument);
  std::vector<std::int64_t> values;
  while (statement.step()) values.push_back(statement.integer(0));
  return values;
}

std::int64_t planned_units(const Database& db, std::int64_t round_id) {
  const auto rounds = db.select<RoundRow>("WHERE round_id = ?", {round_id});
  if (rounds.empty()) throw error(ErrorKind::store, "{}: round {} is not planned", db.path(), round_id);
  return rounds.front().n_units;
}

bool is_json(const Database& db, const std::string& text) {
  Statement statement = db.connection().prepare("SELECT json_valid(?)");
  statement.bind(1, text);
  return statement.step() && statement.integer(0) == 1;
}

template <class Row>
std::vector<std::string> sorted_bytes(const std::vector<Row>& rows) {
  std::vector<std::string> all;
  std::vector<std::byte> bytes;
  for (const Row& row : rows) {
    bytes.clear();
    RowEncoder(bytes).row(row);
    all.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// Plan rows have no checksums, but follow from the study: what is stored must be what is planned again.
template <class Row>
void restore_rows(Database& db, std::int64_t round_id, const std::vector<Row>& rows) {
  if (sorted_bytes(db.select<Row>("WHERE round_id = ?", {round_id})) == sorted_bytes(rows)) return;
  log_warning("{}: rows of {} in round {} were damaged and are written anew", db.path(), Row::kTable, round_id);
  Statement remove = db.connection().prepare(fmt::format("DELETE FROM \"{}\" WHERE round_id = ?", Row::kTable));
  remove.bind(1, round_id);
  remove.run();
  db.insert(rows);
}

// As above, of a round whose other rows refer to it.
void restore_round(Database& db, const RoundRow& there, const RoundRow& planned) {
  if (sorted_bytes<RoundRow>({there}) == sorted_bytes<RoundRow>({planned})) return;
  log_warning("{}: the row of round {} was damaged and is written anew", db.path(), planned.round_id);
  Statement update = db.connection().prepare(
      "UPDATE round SET experiment = ?2, kind = ?3, round_no = ?4, plan_hash = ?5, n_units = ?6, params = ?7 "
      "WHERE round_id = ?1");
  bind_row(update, planned);
  update.run();
}

void drop_units_of_other_plans(Database& db, const RoundRow& round) {
  std::vector<std::int64_t> others;
  db.for_each<UnitRow>("WHERE round_id = ?", {round.round_id}, [&](const UnitRow& unit) {
    if (unit.unit >= round.n_units || unit.content_hash != unit_hash(round.plan_hash, unit.unit)) {
      others.push_back(unit.unit);
    }
  });
  if (others.empty()) return;
  log_warning(
      "{}: {} units of round {} ({}) were measured for another plan: their shards keep them, and what is "
      "planned now is measured",
      db.path(), others.size(), round.round_id, round.experiment);
  for (const std::int64_t unit : others) remove_unit(db.connection(), round.round_id, unit);
}

}  // namespace

std::string unit_hash(const std::string& plan_hash, std::int64_t unit) {
  ContentHash hash;
  return hash.add_text(plan_hash).add_integer(unit).hex();
}

int last_launch(const Database& db) {
  return static_cast<int>(
      db.connection().integer("SELECT max(launch) FROM (SELECT launch FROM launch UNION SELECT launch FROM unit)"));
}

void write_launch(Database& db, const LaunchRow& launch, const std::vector<WorkerRow>& workers,
                  const std::function<void(const std::vector<WorkerRow>& before)>& check) {
  Transaction transaction(db.connection());  // of launches that start at the same time, one sees the other
  if (check) check(db.select<WorkerRow>("ORDER BY launch, rank"));
  db.insert(std::vector{launch});
  db.insert(workers);
  transaction.commit();
}

void end_launch(Database& db, int launch, const std::string& exit_reason) {
  Statement statement = db.connection().prepare("UPDATE launch SET ended_utc = ?, exit_reason = ? WHERE launch = ?");
  statement.bind(1, utc_now());
  statement.bind(2, exit_reason);
  statement.bind(3, std::int64_t{launch});
  statement.run();
}

void write_round(Database& db, const RoundRow& round, const std::vector<ArmRow>& arms,
                 const std::vector<SetMemberRow>& set_members, const std::vector<SteerArmRow>& steer_arms,
                 const std::vector<SteerGateRow>& gates) {
  ensure(is_json(db, round.params), "a round's parameters are JSON");
  Transaction transaction(db.connection());
  const auto planned = db.select<RoundRow>("WHERE round_id = ?", {round.round_id});
  if (!planned.empty()) {
    if (planned.front().plan_hash == round.plan_hash) {
      restore_round(db, planned.front(), round);
      restore_rows(db, round.round_id, arms);
      restore_rows(db, round.round_id, set_members);
      restore_rows(db, round.round_id, steer_arms);
      restore_rows(db, round.round_id, gates);
      drop_units_of_other_plans(db, round);
      transaction.commit();
      return;
    }
    throw error(
        ErrorKind::store,
        "{}: round {} ({}) was planned as {} with {} units and now comes out as {} with {} (a plan must follow "
        "from the study and its results alone): if units failed, run with --retry-failed, else start again in another "
        "folder",
        db.path(), round.round_id, round.experiment, planned.front().plan_hash, planned.front().n_units,
        round.plan_hash, round.n_units);
  }
  db.insert(std::vector{round});
  db.insert(arms);
  db.insert(set_members);
  db.insert(steer_arms);
  db.insert(gates);
  drop_units_of_other_plans(db, round);
  transaction.commit();
}

std::vector<std::int64_t> finished_units(const Database& db, std::int64_t round_id) {
  return integers(db, "SELECT unit FROM unit WHERE round_id = ? ORDER BY unit", round_id);
}

std::vector<std::int64_t> pending_units(const Database& db, std::int64_t round_id) {
  const std::int64_t n_units = planned_units(db, round_id);
  const auto finished = finished_units(db, round_id);
  std::vector<std::int64_t> pending;
  auto next = finished.begin();
  for (std::int64_t unit = 0; unit < n_units; ++unit) {
    if (next != finished.end() && *next == unit)
      ++next;
    else
      pending.push_back(unit);
  }
  return pending;
}

std::int64_t count_pending_units(const Database& db, std::int64_t round_id) {
  Statement done = db.connection().prepare("SELECT count(*) FROM unit WHERE round_id = ? AND unit < ?");
  const std::int64_t n_units = planned_units(db, round_id);
  done.bind(1, round_id);
  done.bind(2, n_units);
  done.step();
  return n_units - done.integer(0);
}

std::vector<FailureCount> failure_counts(const Database& db, std::int64_t round_id) {
  Statement statement = db.connection().prepare(
      "SELECT unit, max(attempt) FROM unit_failure AS f WHERE round_id = ? AND NOT EXISTS "
      "(SELECT 1 FROM unit AS u WHERE u.round_id = f.round_id AND u.unit = f.unit) GROUP BY unit ORDER BY unit");
  statement.bind(1, round_id);
  std::vector<FailureCount> counts;
  while (statement.step()) counts.push_back({statement.integer(0), statement.integer(1)});
  return counts;
}

std::int64_t forget_failures(Database& db) {
  constexpr const char* kNotDone =
      "FROM unit_failure AS f WHERE NOT EXISTS (SELECT 1 FROM unit AS u WHERE u.round_id = f.round_id AND u.unit = "
      "f.unit)";
  Transaction transaction(db.connection());
  const std::int64_t units =
      db.connection().integer(fmt::format("SELECT count(*) FROM (SELECT DISTINCT f.round_id, f.unit {})", kNotDone));
  db.connection().exec(fmt::format("DELETE {}", kNotDone));
  db.connection().exec("DELETE FROM unit_suspicion");
  transaction.commit();
  return units;
}

void for_each_effect_block(const Database& db, std::int64_t round_id,
                           const std::function<void(const EffectBlockRow&)>& visit) {
  db.for_each<EffectBlockRow>("WHERE round_id = ? ORDER BY unit, seq", {round_id}, visit);
}

}  // namespace neurosweep
