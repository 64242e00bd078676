#pragma once

#include <cstddef>
#include <string>

namespace neurosweep::testing {

/// Neuron j of a planted copy is this one of the small reasoner, in every layer.
std::size_t planted(std::size_t j);

/// Writes the small reasoner with the neurons of every layer in another order: it computes the same.
void write_planted_copy(const std::string& folder);

}  // namespace neurosweep::testing
