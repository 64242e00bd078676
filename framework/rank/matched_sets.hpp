#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/base/ids.hpp"

namespace neurosweep {

/// Random control sets with as many neurons in every layer as the critical set has, drawn without its members.
///   critical  distinct neurons
///   M         neurons per layer
///   excluded  further neurons that no control may hold
///   returns   [count], each sorted; draws depend on the seed and the set's number only, neurons repeat between sets
///   throws    Error{input} that names the layer when it has too few neurons left
std::vector<std::vector<NeuronId>> make_matched_sets(std::span<const NeuronId> critical, std::int64_t M,
                                                     std::int64_t count, std::uint64_t seed,
                                                     std::span<const NeuronId> excluded = {});

}  // namespace neurosweep
