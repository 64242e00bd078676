#pragma once

#include <tuple>

#include "framework/store/row_io.hpp"
#include "framework/store/unit_rows.hpp"

namespace neurosweep {

/// A statement for the rows of one table.
template <class Row>
struct TableStatement {
  Statement statement;
};

template <class Tables>
struct TableStatements;
template <class... Rows>
struct TableStatements<std::tuple<Rows...>> {
  using type = std::tuple<TableStatement<Rows>...>;

  static type inserts(const Connection& connection) {
    return {TableStatement<Rows>{connection.prepare(insert_sql<Rows>())}...};
  }
  static type unit_selects(const Connection& connection) {
    return {
        TableStatement<Rows>{connection.prepare(select_sql<Rows>("WHERE round_id = ? AND unit = ? ORDER BY seq"))}...};
  }
};

using MeasuredStatements = TableStatements<MeasuredTables>;

/// Writes whole units to a shard or to results.db.
class UnitWriter {
 public:
  explicit UnitWriter(const Connection& connection)
      : unit_(connection.prepare(insert_sql<UnitRow>())), measured_(MeasuredStatements::inserts(connection)) {}

  /// Inserts the done mark and the rows. Call within a transaction.
  void write(const UnitRow& unit, const UnitRows& rows) {
    insert_row(unit_, unit);
    const auto write_table = [&]<class Row>(TableStatement<Row>& table) {
      for (const Row& row : rows.get<Row>()) insert_row(table.statement, row);
    };
    std::apply([&](auto&... table) { (write_table(table), ...); }, measured_);
  }

 private:
  Statement unit_;
  MeasuredStatements::type measured_;
};

/// Removes a unit's done mark and rows. Call within a transaction.
inline void remove_unit(const Connection& connection, std::int64_t round_id, std::int64_t unit) {
  const auto remove_from = [&](std::string_view table) {
    Statement statement = connection.prepare(fmt::format("DELETE FROM \"{}\" WHERE round_id = ? AND unit = ?", table));
    statement.bind(1, round_id);
    statement.bind(2, unit);
    statement.run();
  };
  for_each_table<MeasuredTables>([&]<class Row>() { remove_from(Row::kTable); });
  remove_from(UnitRow::kTable);
}

/// Reads the rows of whole units back.
class UnitReader {
 public:
  explicit UnitReader(const Connection& connection) : measured_(MeasuredStatements::unit_selects(connection)) {}

  UnitRows read(std::int64_t round_id, std::int64_t unit) {
    UnitRows rows;
    const auto read_table = [&]<class Row>(TableStatement<Row>& table) {
      table.statement.bind(1, round_id);
      table.statement.bind(2, unit);
      while (table.statement.step()) rows.add_stored(read_row<Row>(table.statement));
      table.statement.reset();
    };
    std::apply([&](auto&... table) { (read_table(table), ...); }, measured_);
    rows.set_key(round_id, unit);
    return rows;
  }

 private:
  MeasuredStatements::type measured_;
};

}  // namespace neurosweep
