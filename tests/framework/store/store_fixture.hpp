#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "framework/store/database.hpp"
#include "framework/store/shard.hpp"

namespace neurosweep::testing {

/// A small study: model "m" (2 layers of 3 neurons), task "sums", seed 7.
StudyIdentity example_identity();

/// A unit's rows, made from its number alone: 2 traces with means, 1 effect block of 3 arms, 1 outcome.
UnitRows example_rows(std::int64_t unit);

std::string example_hash(std::int64_t unit);

/// Round 0 of experiment "sweep" with `units` units and arms 0..2 on layer 1, neurons 0..2.
void plan_example_round(Database& db, std::int64_t units);

/// A store folder with the example study and round 0.
void make_example_store(const std::string& dir, std::int64_t units);

/// Writes units to a new shard of a launch.
void write_shard(const std::string& dir, int launch, int rank, const std::vector<std::int64_t>& units);

/// Makes a store in dir with units 0..units-1 in one merged shard, and returns its content hash.
std::string make_merged_store(const std::string& dir, std::int64_t units);

/// 0..units-1.
std::vector<std::int64_t> all_units(std::int64_t units);

/// The message of the Error{kind} that `call` throws; a test failure, and "", when it throws none.
template <class Call>
std::string error_of(ErrorKind kind, Call&& call) {
  try {
    call();
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), kind) << failure.what();
    return failure.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

}  // namespace neurosweep::testing
