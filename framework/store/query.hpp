#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// Columns and rows of a query. BLOBs come as "<n bytes>".
struct QueryResult {
  std::vector<std::string> columns;
  std::vector<std::vector<SqlValue>> rows;
};

/// A query of results_schema/queries.
struct NamedQuery {
  std::string name;
  std::string description;              ///< one line
  std::vector<std::string> parameters;  ///< names without ':'; one that is not given is NULL and filters nothing
  std::string sql;
};

std::vector<NamedQuery> named_queries();

/// Runs a named query, or SQL when `query` is no name and holds a space, on results.db of a store folder.
///   parameters  name -> text; numbers are given as text too
///   throws      Error{input} for an unknown name or parameter, bad SQL, or SQL that would write or attach
QueryResult run_query(const std::string& dir, const std::string& query,
                      const std::map<std::string, std::string>& parameters = {});

}  // namespace neurosweep
