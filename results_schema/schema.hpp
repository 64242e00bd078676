#pragma once

#include <span>
#include <string_view>

namespace neurosweep {

/// A file of this folder, built into the program.
struct SqlFile {
  std::string_view name;  ///< without folder and ".sql"
  std::string_view text;
};

/// The schema, 0001 first. The version of a store is the number of files applied to it.
std::span<const SqlFile> schema_files();

/// The named queries, by name.
std::span<const SqlFile> query_files();

/// Version of this program's schema.
int schema_version();

/// Whether a schema file says "-- in: ..., <store>, ..." in its first line.
///   store  "results" or "shard"
bool applies_to(const SqlFile& file, std::string_view store);

}  // namespace neurosweep
