#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "framework/base/error.hpp"
#include "framework/store/unit_rows.hpp"

namespace neurosweep {

/// Writes the one shard of a (launch, rank). A unit's rows and its done mark become durable together.
///
/// Commits by itself once 64 units wait for it, or the first of them for 2 seconds: beside the work, on a thread of its
/// own, so that a long unit keeps nothing back; its failure is thrown by the next call. Errors of the disk are
/// Error{io} naming the path; after one the writer refuses all work, and what was committed before stays good.
class ShardWriter {
 public:
  static constexpr int kUnitsPerCommit = 64;
  static constexpr std::chrono::milliseconds kCommitInterval{2000};

  /// Creates the file, which must not exist.
  ///   throws  Error{io}; Error{store} when the file is there: a shard is never reused
  ShardWriter(const std::string& path, const std::string& study_id, int launch, int rank);
  /// Commits what waits; a failure is only logged here, so call close() to see it.
  ~ShardWriter();
  ShardWriter(ShardWriter&&) noexcept;
  ShardWriter& operator=(ShardWriter&&) = delete;

  /// Adds a unit with all its rows.
  ///   unit_hash  hash of the unit's definition
  ///   seconds    wall time of measuring it
  ///   throws     Error{internal} when this writer has the unit already; Error{io}
  void append(std::int64_t round_id, std::int64_t unit, const std::string& unit_hash, UnitRows rows, double seconds);

  /// Records a failed attempt (from 1) at a unit.
  void fail(std::int64_t round_id, std::int64_t unit, int attempt, const Error& failure);

  void commit();
  /// Commits and closes; nothing may be added afterwards.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace neurosweep
