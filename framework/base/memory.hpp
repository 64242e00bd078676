#pragma once

#include <cstdint>
#include <string>

namespace neurosweep {

/// Bytes of "8GiB", "512 MiB", "2GB" or "1000": KB, MB, GB, TB count in 1,000s, KiB, MiB, GiB, TiB in 1,024s.
///   throws  Error{input} naming the forms, for anything else or for less than one byte
std::int64_t parse_bytes(const std::string& text);

/// "3.25 GiB", for messages.
std::string bytes_text(std::int64_t bytes);

/// Memory of this process that is in use now, bytes; 0 where the system does not tell.
std::int64_t resident_bytes();

}  // namespace neurosweep
