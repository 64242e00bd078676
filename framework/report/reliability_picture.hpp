#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "framework/rank/prediction_quality.hpp"

namespace neurosweep {

/// Draws observed against predicted rate of failure as SVG, a dot for each bin with its Wilson interval.
void draw_reliability(std::ostream& out, const std::string& title, const std::vector<ReliabilityBin>& bins);

}  // namespace neurosweep
