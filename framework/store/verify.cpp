#include "framework/store/verify.hpp"

#include <map>

#include "framework/base/hash.hpp"
#include "framework/store/row_codec.hpp"
#include "framework/store/unit_io.hpp"
#include "results_schema/schema.hpp"

namespace neurosweep {

namespace {

void check_schema(const Database& db, VerifyReport& report) {
  for (const auto& [name, sql] : schema_text(db.connection())) {
    if (!own_schema(kResults, schema_version()).contains(name))
      report.problems.push_back(fmt::format("schema: {} is not ours", name));
  }
}

void check_file(const Database& db, VerifyReport& report) {
  Statement statement = db.connection().prepare("PRAGMA integrity_check");
  while (statement.step()) {
    if (statement.text(0) != "ok") report.problems.push_back("file: " + statement.text(0));
  }
}

void check_rounds(const Database& db, VerifyReport& report) {
  Statement gaps = db.connection().prepare(
      "SELECT experiment, count(*), max(round_no) FROM round GROUP BY experiment HAVING count(*) != max(round_no) + 1");
  while (gaps.step()) {
    report.problems.push_back(
        fmt::format("round: '{}' has {} rounds, numbered up to {}: some are no rounds of the study", gaps.text(0),
                    gaps.integer(1), gaps.integer(2)));
  }
}

void check_orphans(const Database& db, VerifyReport& report) {
  Statement orphans = db.connection().prepare(
      "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY \"table\", parent");
  while (orphans.step()) {
    report.problems.push_back(
        fmt::format("{}: {} rows without their {}", orphans.text(0), orphans.integer(2), orphans.text(1)));
  }
}

// No damage: a store made anew from its shards has their units until their rounds are planned again.
void check_strays(const Database& db, VerifyReport& report) {
  Statement strays = db.connection().prepare(
      "SELECT u.round_id, count(*) FROM unit AS u LEFT JOIN round AS r USING (round_id) "
      "WHERE r.round_id IS NULL OR u.unit >= r.n_units GROUP BY u.round_id");
  while (strays.step()) {
    report.problems.push_back(
        fmt::format("unit: {} units of round {} are not planned", strays.integer(1), strays.integer(0)));
  }
}

void check_units(const Database& db, VerifyReport& report) {
  UnitReader reader(db.connection());
  std::map<std::int64_t, std::string> plans;
  for (const RoundRow& round : db.select<RoundRow>()) plans[round.round_id] = round.plan_hash;
  std::map<std::int64_t, std::int64_t> others;
  db.for_each<UnitRow>(fmt::format("ORDER BY {}", UnitRow::kKey), {}, [&](const UnitRow& unit) {
    ++report.units;
    const auto plan = plans.find(unit.round_id);
    if (plan != plans.end() && unit.content_hash != unit_hash(plan->second, unit.unit)) ++others[unit.round_id];
    const std::uint32_t crc = reader.read(unit.round_id, unit.unit).crc32c(unit.content_hash);
    if (crc != unit.crc32c) {
      report.problems.push_back(fmt::format("unit {} of round {}: rows have checksum {:08x}, recorded {:08x}",
                                            unit.unit, unit.round_id, crc, unit.crc32c));
    }
  });
  for (const auto& [round_id, units] : others) {
    report.problems.push_back(
        fmt::format("unit: {} units of round {} were measured for another plan than the round's", units, round_id));
  }
}

void check_identity(const Database& db, VerifyReport& report) {
  const StudyRow study = db.study();
  if (make_study_id({study, db.select<ModelRow>(), db.select<TaskRow>()}) != study.study_id) {
    report.problems.push_back("study: its settings, models and tasks do not hash to its study_id");
  }
}

void check_damage(const Database& db, VerifyReport& report) {
  check_file(db, report);
  check_rounds(db, report);
  check_orphans(db, report);
  check_units(db, report);
  check_identity(db, report);
}

// What is wrong with a shard; "" when nothing is.
std::string shard_damage(const RankFile& file) {
  const Connection shard(file.path, Connection::Mode::read, std::chrono::milliseconds(250));
  if (expect_own_schema(shard, kShard) == 0) return "holds no shard schema";
  if (const std::string found = shard.text("PRAGMA integrity_check"); found != "ok") return found;
  UnitReader reader(shard);
  Statement units = shard.prepare(select_sql<UnitRow>(fmt::format("ORDER BY {}", UnitRow::kKey)));
  while (units.step()) {
    const auto unit = read_row<UnitRow>(units);
    const std::uint32_t crc = reader.read(unit.round_id, unit.unit).crc32c(unit.content_hash);
    if (crc == unit.crc32c) continue;
    return fmt::format("unit {} of round {}: rows have checksum {:08x}, recorded {:08x}", unit.unit, unit.round_id, crc,
                       unit.crc32c);
  }
  return "";
}

void check_shards(const std::string& dir, VerifyReport& report) {
  for (const RankFile& file : list_shards(dir)) {
    std::string damage;
    try {
      damage = shard_damage(file);
    } catch (const StoreError& failure) {
      if (failure.fault() == StoreError::Fault::busy) continue;  // its rank will be heard of
      if (failure.kind() == ErrorKind::io) throw;
      damage = failure.what();
    }
    if (damage.empty()) continue;
    report.problems.push_back(fmt::format("{}: {}", file.name, damage));
    report.damaged_shards.push_back(file);
  }
}

void check_completeness(const Database& db, VerifyReport& report) {
  const Connection& connection = db.connection();
  report.rounds = connection.integer("SELECT count(*) FROM round");
  report.units_missing = connection.integer(
      "SELECT total(r.n_units - (SELECT count(*) FROM unit AS u WHERE u.round_id = r.round_id AND u.unit < r.n_units)) "
      "FROM round AS r");
  for_each_table<MeasuredTables>([&]<class Row>() {
    if constexpr (requires(Row row) { row.n_nonfinite; }) {
      report.nonfinite_values += connection.integer(fmt::format("SELECT total(n_nonfinite) FROM {}", Row::kTable));
    }
  });
}

template <class Row>
void hash_table(const Database& db, ContentHash& hash) {
  hash.add_text(Row::kTable);
  std::vector<std::byte> bytes;
  RowEncoder encoder(bytes);
  db.for_each<Row>(fmt::format("ORDER BY {}", Row::kKey), {}, [&](const Row& row) {
    bytes.clear();
    encoder.row(row);
    hash.add_bytes(bytes);
  });
}

void hash_units(const Database& db, ContentHash& hash) {
  hash.add_text(UnitRow::kTable);
  db.for_each<UnitRow>(fmt::format("ORDER BY {}", UnitRow::kKey), {}, [&](const UnitRow& unit) {
    hash.add_integer(unit.round_id).add_integer(unit.unit).add_text(unit.content_hash);
  });
}

}  // namespace

std::string content_hash(const Database& db) {
  ContentHash hash;
  for_each_table<PlanTables>([&]<class Row>() { hash_table<Row>(db, hash); });
  for_each_table<MeasuredTables>([&]<class Row>() { hash_table<Row>(db, hash); });
  hash_units(db, hash);
  return hash.hex();
}

std::vector<std::string> find_damage(const Database& db) {
  VerifyReport report;
  check_damage(db, report);
  return report.problems;
}

VerifyReport verify_store(const std::string& dir) {
  const Database db = Database::open_results(dir, Database::Access::read);
  VerifyReport report;
  try {
    check_schema(db, report);
    check_damage(db, report);
    check_strays(db, report);
    check_completeness(db, report);
    report.content_hash = content_hash(db);
  } catch (const StoreError& failure) {
    if (failure.fault() != StoreError::Fault::damaged) throw;
    report.problems.push_back(failure.what());
  }
  check_shards(dir, report);
  return report;
}

}  // namespace neurosweep
