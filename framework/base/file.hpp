#pragma once

#include <string>
#include <string_view>

namespace neurosweep {

/// All bytes of a file. Throws Error{io} with the path when it cannot be read.
std::string read_text_file(const std::string& path);

/// Writes a file whole: readers and a killed writer leave the old one or the new one, never a part.
///   throws  Error{io} with the path when it cannot be written, or is there and no regular file
void write_text_file(const std::string& path, std::string_view text);

}  // namespace neurosweep
