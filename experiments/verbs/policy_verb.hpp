#pragma once

#include <string>
#include <vector>

namespace neurosweep {

/// `neurosweep policy`: measured envelopes as a policy file.
int run_policy(const std::vector<std::string>& words);

}  // namespace neurosweep
