#pragma once

#include <string>
#include <vector>

namespace neurosweep {

/// `neurosweep edit`: writes an edited checkpoint, or undoes an edit.
int run_edit(const std::vector<std::string>& words);

/// `neurosweep diff`: what differs between two checkpoints, by neuron.
int run_diff(const std::vector<std::string>& words);

/// `neurosweep export`: a direction or template as a file.
int run_export(const std::vector<std::string>& words);

/// `neurosweep transfer`: a steering file of one model as one of another.
int run_transfer(const std::vector<std::string>& words);

}  // namespace neurosweep
