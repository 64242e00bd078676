#pragma once

#include <string>
#include <string_view>

namespace neurosweep {

/// Signs that models write beyond ASCII, in ASCII: full-width letters, digits and signs, minus signs and the en dash,
/// the fraction slash, "½" and its like ("4½" as "4 1/2"), and spaces that do not break. The rest is kept.
std::string plain_signs(std::string_view text);

}  // namespace neurosweep
