#pragma once

#include <map>
#include <string>
#include <string_view>

#include "framework/store/sqlite.hpp"

namespace neurosweep {

/// Marks a file as a neurosweep store: "NSWP".
inline constexpr std::int64_t kApplicationId = 0x4E535750;

/// The two kinds of store file, as the schema files name them.
inline constexpr std::string_view kResults = "results";
inline constexpr std::string_view kShard = "shard";

/// Schema version of a store file; 0 for an empty one.
///   throws  Error{store} when it is damaged, no neurosweep store, or of a newer version
int read_version(const Connection& connection);

/// Text of every table, index, view and trigger of a file, by name.
std::map<std::string, std::string> schema_text(const Connection& connection);

/// The same of an empty store of a version.
const std::map<std::string, std::string>& own_schema(std::string_view store, int version);

/// What of a schema is compared.
enum class SchemaPart { all, tables };

/// Throws StoreError{damaged} where a table, index or view of ours is not as we make it in the file's version. A store
/// may come from others: a view in place of a table would run its maker's SQL wherever ours reads.
///   returns  the version, read at the same moment as the schema
int expect_own_schema(const Connection& connection, std::string_view store, SchemaPart part = SchemaPart::all);

/// Applies the schema files that a store file lacks, in one transaction; two processes may race to do so.
void bring_up_to_date(const Connection& connection, std::string_view store);

}  // namespace neurosweep
