#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace neurosweep {

/// Byte offset of the first byte that is no part of well-formed UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);

/// The text with every maximal malformed sequence replaced by U+FFFD (Unicode 15, section 3.9, table 3-8).
std::string replace_invalid_utf8(std::string_view bytes);

void append_utf8(std::string& text, char32_t code_point);

/// Bytes of the character that starts with `lead`, in well-formed UTF-8.
constexpr std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// The character at `offset` of a well-formed text; moves `offset` behind it.
char32_t next_code_point(std::string_view text, std::size_t& offset);

/// The last character of a well-formed, non-empty text.
char32_t last_code_point(std::string_view text);

/// Unicode property White_Space.
bool is_space(char32_t code_point);

/// Letter, mark, decimal digit, letter number, connector punctuation or joiner: \w of Unicode TR 18.
bool is_word(char32_t code_point);

}  // namespace neurosweep
