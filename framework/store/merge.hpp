#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace neurosweep {

/// What merge_shards() did.
struct MergeReport {
  std::int64_t shards = 0;  ///< looked at
  std::int64_t units_added = 0;
  std::int64_t units_known = 0;    ///< in results.db before, with equal checksums
  std::int64_t units_damaged = 0;  ///< dropped: rows did not match their checksum; they will be measured again
  std::int64_t failures_added = 0;
  std::vector<std::string> busy;         ///< shards skipped: another process holds them
  std::vector<std::string> quarantined;  ///< torn shards, now named *.corrupt
};

/// Folds every shard of a store folder into its results.db, each in one transaction, units in order.
///
/// Safe to repeat, to interrupt and to run while ranks write shards.
///   throws  Error{store} when a unit was measured twice with different results (naming unit and both shards), when a
///           shard is of another study or of a newer version; Error{io}
MergeReport merge_shards(const std::string& dir);

}  // namespace neurosweep
