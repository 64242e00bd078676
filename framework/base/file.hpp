#pragma once

#include <string>

namespace neurosweep {

/// All bytes of a file. Throws Error{io} with the path when it cannot be read.
std::string read_text_file(const std::string& path);

}  // namespace neurosweep
