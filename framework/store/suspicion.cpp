#include "framework/store/suspicion.hpp"

namespace neurosweep {

namespace {

std::int64_t setbacks_of(const Database& results, const UnitSuspicionRow& row) {
  Statement count = results.connection().prepare(
      "SELECT (SELECT count(*) FROM unit_suspicion WHERE round_id = ?1 AND unit = ?2) + "
      "(SELECT coalesce(max(attempt), 0) FROM unit_failure WHERE round_id = ?1 AND unit = ?2)");
  count.bind(1, row.round_id);
  count.bind(2, row.unit);
  count.step();
  return count.integer(0);
}

}  // namespace

void suspect(Database& results, const std::vector<UnitSuspicionRow>& units) {
  Statement insert = results.connection().prepare(
      "INSERT INTO unit_suspicion(round_id, unit, launch, rank, at_utc) SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS "
      "(SELECT 1 FROM unit_failure WHERE round_id = ?1 AND unit = ?2 AND launch = ?3 AND kind = 'crash') "
      "ON CONFLICT DO NOTHING");  // a start that died behind this finds the same journals again
  for (const UnitSuspicionRow& row : units) {
    insert_row(insert, row);
    if (setbacks_of(results, row) >= kSetbacksToBlame) blame_suspect(results, row.round_id, row.unit);
  }
}

void blame_suspect(Database& results, std::int64_t round_id, std::int64_t unit) {
  for (const char* sql : {"INSERT INTO unit_failure(round_id, unit, launch, rank, attempt, kind, message, at_utc) "
                          "SELECT round_id, unit, launch, rank, (SELECT coalesce(max(attempt), 0) FROM unit_failure "
                          "WHERE round_id = ?1 AND unit = ?2) + row_number() OVER (ORDER BY launch), 'crash', "
                          "'the process vanished, and all others with it (killed, or out of memory?)', at_utc "
                          "FROM unit_suspicion WHERE round_id = ?1 AND unit = ?2",
                          "DELETE FROM unit_suspicion WHERE round_id = ?1 AND unit = ?2"}) {
    Statement statement = results.connection().prepare(sql);
    statement.bind(1, round_id);
    statement.bind(2, unit);
    statement.run();
  }
}

std::map<std::int64_t, std::int64_t> suspicion_counts(const Database& results, std::int64_t round_id) {
  Statement statement = results.connection().prepare(
      "SELECT unit, count(*) FROM unit_suspicion AS s WHERE round_id = ? AND NOT EXISTS "
      "(SELECT 1 FROM unit AS u WHERE u.round_id = s.round_id AND u.unit = s.unit) GROUP BY unit");
  statement.bind(1, round_id);
  std::map<std::int64_t, std::int64_t> counts;
  while (statement.step()) counts[statement.integer(0)] = statement.integer(1);
  return counts;
}

}  // namespace neurosweep
