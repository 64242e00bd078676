#include "framework/store/query.hpp"

#include <fmt/ranges.h>
#include <sqlite3.h>

#include <algorithm>

#include "framework/store/effects_table.hpp"
#include "results_schema/schema.hpp"

namespace neurosweep {

namespace {

// Keeps a query to this store: attaching is the one way out that counts as reading.
int refuse_attach(void*, int action, const char*, const char*, const char*, const char*) {
  return action == SQLITE_ATTACH || action == SQLITE_DETACH ? SQLITE_DENY : SQLITE_OK;
}

// Facts about an SQL text that must be known before it runs.
struct SqlFacts {
  std::vector<std::string> parameters;  // by position, without ':'
  int columns = 0;
};

SqlFacts inspect_sql(const Connection& connection, const std::string& sql) {
  sqlite3* handle = connection.raw().getHandle();
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v2(handle, sql.c_str(), -1, &raw, &rest) != SQLITE_OK) {
    const std::string why = sqlite3_errmsg(handle);
    if (sqlite3_errcode(handle) == SQLITE_AUTH) {
      throw input_error("query refused ({}): a query may only read this store; it cannot attach another file", why);
    }
    throw input_error("query cannot be understood ({}): see the tables in results_schema/README.md", why);
  }
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw, sqlite3_finalize);
  if (!raw) throw input_error("the query is empty: give a named query or a SELECT");
  if (!sqlite3_stmt_readonly(raw))
    throw input_error("query refused: a query may only read, and this one would change something");
  if (std::string_view(rest).find_first_not_of("; \t\r\n") != std::string_view::npos) {
    throw input_error("query refused: one statement at a time, but more follows at '{}'", rest);
  }
  SqlFacts facts;
  facts.columns = sqlite3_column_count(raw);
  for (int index = 1; index <= sqlite3_bind_parameter_count(raw); ++index) {
    const char* name = sqlite3_bind_parameter_name(raw, index);
    facts.parameters.emplace_back(name ? name + 1 : "");
  }
  return facts;
}

NamedQuery read_named_query(const SqlFile& file, const Connection& schema) {
  NamedQuery query;
  query.name = file.name;
  const std::string_view first_line = file.text.substr(0, file.text.find('\n'));
  query.description = first_line.substr(first_line.find_first_not_of("- "));
  query.parameters = inspect_sql(schema, std::string(file.text)).parameters;
  query.sql = file.text;
  return query;
}

// SQL of a named query, or the text itself when it is SQL.
std::string find_sql(const std::string& query) {
  std::vector<std::string> names;
  for (const SqlFile& file : query_files()) {
    if (file.name == query) return std::string(file.text);
    names.emplace_back(file.name);
  }
  if (query.find_first_of(" \t\n") != std::string::npos) return query;
  const std::string near = nearest(query, names);
  throw input_error("no query is named '{}'{}: 'neurosweep query' lists the names; SQL text works too", query,
                    near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near));
}

void bind_parameters(Statement& statement, const std::vector<std::string>& names,
                     const std::map<std::string, std::string>& given) {
  for (const auto& [name, value] : given) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw input_error("the query takes no parameter '{}' (it takes: {})", name, fmt::join(names, ", "));
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto value = given.find(names[i]);
    if (value != given.end()) statement.bind(static_cast<int>(i) + 1, value->second);
  }
}

}  // namespace

std::vector<NamedQuery> named_queries() {
  const Connection schema(":memory:", Connection::Mode::create);
  bring_up_to_date(schema, kResults);
  register_effects_table(schema);
  std::vector<NamedQuery> queries;
  for (const SqlFile& file : query_files()) queries.push_back(read_named_query(file, schema));
  return queries;
}

QueryResult run_query(const std::string& dir, const std::string& query,
                      const std::map<std::string, std::string>& parameters) {
  const Database db = Database::open_results(dir, Database::Access::read);
  const Connection& connection = db.connection();
  register_effects_table(connection);
  sqlite3_set_authorizer(connection.raw().getHandle(), refuse_attach, nullptr);
  const std::string sql = find_sql(query);
  const SqlFacts facts = inspect_sql(connection, sql);

  Statement statement = connection.prepare(sql);
  bind_parameters(statement, facts.parameters, parameters);
  QueryResult result;
  for (int column = 0; column < facts.columns; ++column) result.columns.push_back(statement.column_name(column));
  while (statement.step()) {
    auto& row = result.rows.emplace_back();
    for (int column = 0; column < facts.columns; ++column) row.push_back(statement.value(column));
  }
  return result;
}

}  // namespace neurosweep
