#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/unit_queue.hpp"

namespace neurosweep {

/// A job's place among the jobs that work on one store at the same time.
struct JobShare {
  std::int64_t index = 0;  ///< from 0
  std::int64_t count = 1;
};

/// The share that "2/3" means: the second of three jobs. Throws Error{input} for anything else.
JobShare parse_job_share(const std::string& text);

/// What a job does next of a round's units that nobody is known to have done. Its own units are those with number
/// modulo `count` = `index`: it takes the heavier half of what is left of them, then looks again, as others may have
/// helped. When it has none left, it helps the job with most left, from the light end of that one's units, which its
/// owner comes to last. A unit that two jobs take is measured twice, equally.
///   ranks    takes at least one unit for each, where there are so many
std::vector<QueuedUnit> choose_units(std::vector<QueuedUnit> pending, const JobShare& share, int ranks);

}  // namespace neurosweep
