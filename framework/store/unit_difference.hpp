#pragma once

#include <string>

#include "framework/store/unit_rows.hpp"

namespace neurosweep {

/// The first difference between two measurements of a unit, with both values:
/// "outcome 3: logprob is -1.5 and -1.25"; "" when there is none.
std::string describe_difference(const UnitRows& first, const UnitRows& second);

}  // namespace neurosweep
