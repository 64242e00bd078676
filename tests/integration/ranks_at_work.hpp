#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/run_program.hpp"

namespace neurosweep::testing {

/// How many ranks are at a unit of this round or a later one, by their journals.
///   after_launch  counts later launches only: a process that is killed leaves its journal
int ranks_at_work(const std::string& store, std::int64_t round, int after_launch = 0);

/// Starts a program that runs a study, and returns as soon as one of its ranks is at a unit of this round or a later
/// one, or when it has ended: its status then tells a test that wanted to disturb it.
std::unique_ptr<BackgroundProgram> start_and_wait_for_work(const std::vector<std::string>& words,
                                                           const std::string& store, std::int64_t round = 0);

}  // namespace neurosweep::testing
