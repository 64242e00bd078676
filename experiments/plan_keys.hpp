#pragma once

#include <cstdint>

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

}  // namespace neurosweep
