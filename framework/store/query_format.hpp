#pragma once

#include <iosfwd>

#include "framework/store/query.hpp"

namespace neurosweep {

enum class TableFormat { table, csv, json };

/// TableFormat from "table", "csv" or "json"; Error{input} for anything else.
TableFormat table_format(const std::string& name);

/// Prints a result: an aligned table, CSV (RFC 4180 quoting, lines end in \n) or a JSON array of objects.
void print_table(std::ostream& out, const QueryResult& result, TableFormat format);

}  // namespace neurosweep
