#pragma once

#include <string>

#include "framework/store/sqlite.hpp"
#include "results_schema/rows.hpp"

namespace neurosweep {

/// "a, b, c": the columns of a row struct in field order, each quoted.
template <class Row>
std::string column_list() {
  std::string columns;
  const Row row;
  Row::fields(row, [&](const char* name, const auto&) {
    columns += fmt::format("{}\"{}\"", columns.empty() ? "" : ", ", name);
  });
  return columns;
}

/// INSERT statement of a row struct; the caller may append " ON CONFLICT ...".
template <class Row>
std::string insert_sql() {
  std::string marks;
  const Row row;
  Row::fields(row, [&](const char*, const auto&) { marks += marks.empty() ? "?" : ", ?"; });
  return fmt::format("INSERT INTO \"{}\"({}) VALUES({})", Row::kTable, column_list<Row>(), marks);
}

/// SELECT statement of a row struct, from `schema` ("main" or an attached name), with a tail such as "WHERE ...".
template <class Row>
std::string select_sql(std::string_view tail, std::string_view schema = "main") {
  return fmt::format("SELECT {} FROM {}.\"{}\" {}", column_list<Row>(), schema, Row::kTable, tail);
}

template <class Row>
void bind_row(Statement& statement, const Row& row) {
  int index = 0;
  Row::fields(row, [&](const char*, const auto& value) { statement.bind(++index, value); });
}

template <class Row>
Row read_row(const Statement& statement) {
  Row row;
  int column = 0;
  Row::fields(row, [&](const char*, auto& value) { statement.read(column++, value); });
  return row;
}

template <class Row>
void insert_row(Statement& statement, const Row& row) {
  bind_row(statement, row);
  statement.run();
}

}  // namespace neurosweep
