#pragma once

#include <string>
#include <vector>

namespace neurosweep {

/// `neurosweep submit`: a study as SLURM jobs, sweep then reduce.
int run_submit(const std::vector<std::string>& words);

}  // namespace neurosweep
