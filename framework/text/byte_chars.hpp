#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neurosweep {

/// The printable character that byte-level BPE writes for a byte, in UTF-8: printable Latin-1 bytes stand for
/// themselves, the others for U+0100, U+0101, ... in order.
const std::string& byte_char(unsigned char byte);

/// The bytes of a token spelled in such characters, or nothing when another character occurs in it.
std::optional<std::string> bytes_of(std::string_view token);

}  // namespace neurosweep
