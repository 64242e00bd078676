#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// What verify_store() found; the store is sound when `problems` is empty, complete when no unit is missing.
struct VerifyReport {
  std::vector<std::string> problems;  ///< one line each: damage, checksum mismatches, orphans
  std::int64_t rounds = 0;
  std::int64_t units = 0;             ///< units whose checksum was recomputed from their rows
  std::int64_t units_missing = 0;     ///< planned, no done mark
  std::int64_t nonfinite_values = 0;  ///< NaN or infinite values kept in BLOBs
  std::string content_hash;
  std::vector<RankFile> damaged_shards;  ///< the cause is among the problems
};

/// Checks a store folder: of results.db file structure, schema, every checksum, completeness and orphan rows, of the
/// shards structure and checksums. It changes nothing.
///   throws  Error{io}; Error{store} when it cannot be opened as a store at all, or a table of ours was changed
VerifyReport verify_store(const std::string& dir);

/// What is damaged in results.db, one line each: file structure, checksums, orphans, the study's identity.
///   throws  StoreError where it cannot be read at all
std::vector<std::string> find_damage(const Database& db);

/// Hash of plan and measured results, by key; free of times, hosts, ranks, launches and paths.
std::string content_hash(const Database& db);

}  // namespace neurosweep
