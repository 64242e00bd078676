#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "results_schema/rows.hpp"

namespace neurosweep {

class Database;

/// How far a round is, counting merged units and those still in shards.
struct RoundStatus {
  RoundRow round;
  std::int64_t done = 0;
  std::int64_t failed = 0;   ///< units with failed attempts and no done mark
  std::int64_t pending = 0;  ///< n_units - done, failed units included
  double seconds = 0.0;      ///< compute time of the done units, over all ranks
};

/// State of a store folder, while ranks write it or afterwards.
struct StatusReport {
  StudyRow study;
  std::vector<RoundStatus> rounds;
  std::optional<LaunchRow> last_launch;
  std::vector<std::string> unmerged_shards;    ///< with units or failures that results.db lacks
  std::vector<std::string> unreadable_shards;  ///< why, one line each
};

StatusReport read_status(const std::string& dir);

/// Units of all rounds without a done mark in results.db.
std::int64_t count_missing_units(const Database& db);

}  // namespace neurosweep
