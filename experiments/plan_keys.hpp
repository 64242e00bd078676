#pragma once

#include <cstdint>
#include <string>

#include "experiments/experiment.hpp"

namespace neurosweep {

/// Round k of the e-th experiment, both from 0, has the number e * kMostRounds + k: it follows from the place in the
/// study and not from how many rounds there are before, so that a round more of an experiment, once its failed units
/// were tried again, moves no other.
inline constexpr std::int64_t kMostRounds = 100'000;

/// The number of a round.
///   throws  Error{internal} for a round_no of kMostRounds or more
std::int64_t round_id_of(std::size_t experiment, std::int64_t round_no);

/// Gives the rows of a plan the number of its round.
void set_round_id(Plan& plan, std::int64_t round_id);

/// Definition of a unit, for its content hash: everything its rows follow from besides code and study.
///   plan_hash  of the text of `plan`
std::string unit_hash(const Plan& plan, const std::string& plan_hash, const WorkUnit& unit);

}  // namespace neurosweep
