#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

/// Bytes as base64 text with padding (RFC 4648, section 4).
std::string to_base64(std::span<const std::byte> bytes);

/// The bytes of a base64 text.
///   origin  what the message starts with
///   throws  Error{input}: a length that is no multiple of 4, or another character
std::vector<std::byte> from_base64(std::string_view text, std::string_view origin);

}  // namespace neurosweep
