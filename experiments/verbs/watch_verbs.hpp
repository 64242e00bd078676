#pragma once

#include <string>
#include <vector>

namespace neurosweep {

/// `neurosweep status`: how far a study is, what failed and why; for people and for monitoring.
int run_status(const std::vector<std::string>& words);

/// `neurosweep timeline`: when which rank worked on what, as a Chrome trace.
int run_timeline(const std::vector<std::string>& words);

}  // namespace neurosweep
