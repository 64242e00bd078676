#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace neurosweep {

/// A pair that may be matched, and what that is worth.
struct MatchEdge {
  std::int64_t from = 0;
  std::int64_t to = 0;
  double weight = 0;
};

/// The one-to-one matching of largest total weight among the given edges; either side may stay unmatched. Exact.
///   edges    weights not negative; of equal edges the heaviest counts
///   returns  [n_from], the partner of each, or -1; the same for any order of the edges with distinct weights
///   throws   Error{input}: an edge outside n_from or n_to, a weight that is negative or not finite
///   source   Jonker, Volgenant 1987: shortest augmenting paths, here on a sparse graph
std::vector<std::int64_t> best_matching(std::span<const MatchEdge> edges, std::int64_t n_from, std::int64_t n_to);

}  // namespace neurosweep
