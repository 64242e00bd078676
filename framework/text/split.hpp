#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/text/regex.hpp"

namespace neurosweep {

/// What becomes of the matches of a splitting pattern.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Throws Error{input} for a name that is not one of the file format's five.
SplitBehavior parse_split_behavior(const std::string& name, const std::string& origin);

/// Which side of the pattern counts as the match.
enum class SplitOn { match, rest };

/// The parts into which a pattern cuts a text, in order; some may be empty where the pattern matches nothing.
std::vector<TextSpan> split_text(std::string_view text, const Regex& regex, SplitBehavior behavior, SplitOn on);

}  // namespace neurosweep
