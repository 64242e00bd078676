#pragma once

#include <string>

namespace neurosweep {

/// Throws Error{io} where a path leads to a pipe, socket or device: reading one may never end, and files come from
/// others. What stands in /dev (/dev/stdin, /dev/fd/63) is the user's own choice and passes, as does what is missing.
void refuse_special_file(const std::string& path);

}  // namespace neurosweep
