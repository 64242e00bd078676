#pragma once

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

/// Applies the schema files that a store file lacks, in one transaction; two processes may race to do so.
void bring_up_to_date(const Connection& connection, std::string_view store);

}  // namespace neurosweep
