#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/store/database.hpp"

namespace neurosweep {

/// What merge_shards() did.
struct MergeReport {
  std::int64_t shards = 0;  ///< looked at
  std::int64_t units_added = 0;
  std::int64_t units_known = 0;           ///< in results.db before, with equal checksums
  std::int64_t units_damaged = 0;         ///< dropped: rows did not match their checksum; they will be measured again
  std::int64_t units_of_other_plans = 0;  ///< not taken, or replaced: see write_round()
  std::int64_t failures_added = 0;
  std::vector<std::string> busy;         ///< shards skipped: another process holds them
  std::vector<std::string> quarantined;  ///< damaged shards, now named *.corrupt
};

/// Folds every shard of a store folder into its results.db, each in one transaction, units in order.
///
/// Safe to repeat, to interrupt and to run while ranks write shards.
///   throws  Error{store} when a unit was measured twice with different results (naming unit and both shards), when a
///           shard is of another study or of a newer version; Error{io}
MergeReport merge_shards(const std::string& dir);

/// Folds the units of a damaged results.db whose checksums hold into `results`.
///   throws  StoreError of `damaged` where it cannot be read further, with what came before kept
void merge_sound_units(Database& results, const Connection& damaged);

/// Renames a shard, with its journals, to *.corrupt (see set_database_aside()): its units will be measured again where
/// results.db lacks them.
///   throws  Error{io}
void set_shard_aside(const RankFile& shard, const std::string& why);

}  // namespace neurosweep
