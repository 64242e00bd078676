#include "framework/text/utf8.hpp"

#include <utf8proc.h>

namespace neurosweep {
namespace {

struct Step {
  std::size_t length;  ///< bytes of the character, or of the maximal malformed part
  bool valid;
};

// The second byte has a narrower range after these leads, which rules out overlong forms, surrogates and > U+10FFFF.
struct SecondByteRange {
  unsigned char low, high;
};

SecondByteRange second_byte_range(unsigned char lead) {
  switch (lead) {
    case 0xE0:
      return {0xA0, 0xBF};
    case 0xED:
      return {0x80, 0x9F};
    case 0xF0:
      return {0x90, 0xBF};
    case 0xF4:
      return {0x80, 0x8F};
    default:
      return {0x80, 0xBF};
  }
}

Step read_step(std::string_view text, std::size_t offset) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[offset + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t length = utf8_length(text[offset]);
  const SecondByteRange second = second_byte_range(lead);
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned char low = i == 1 ? second.low : 0x80;
    const unsigned char high = i == 1 ? second.high : 0xBF;
    if (offset + i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
  }
  return {length, true};
}

bool in_range(char32_t c, char32_t low, char32_t high) {
  return c >= low && c <= high;
}

// Circled and squared Latin letters: symbols by category, alphabetic by property.
bool is_enclosed_letter(char32_t c) {
  return in_range(c, 0x24B6, 0x24E9) || in_range(c, 0x1F130, 0x1F149) || in_range(c, 0x1F150, 0x1F169) ||
         in_range(c, 0x1F170, 0x1F189);
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t offset = 0;
  while (offset < text.size()) {
    const Step step = read_step(text, offset);
    if (!step.valid) return offset;
    offset += step.length;
  }
  return std::string_view::npos;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t offset = 0; offset < bytes.size();) {
    const Step step = read_step(bytes, offset);
    text += step.valid ? bytes.substr(offset, step.length) : std::string_view("\uFFFD");
    offset += step.length;
  }
  return text;
}

void append_utf8(std::string& text, char32_t code_point) {
  utf8proc_uint8_t bytes[4];
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
}

char32_t next_code_point(std::string_view text, std::size_t& offset) {
  const std::size_t length = utf8_length(text[offset]);
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[offset + i])); };
  char32_t c = length == 1 ? byte(0) : byte(0) & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) c = (c << 6) | (byte(i) & 0x3F);
  offset += length;
  return c;
}

char32_t last_code_point(std::string_view text) {
  std::size_t offset = text.size() - 1;
  while ((static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) --offset;
  return next_code_point(text, offset);
}

bool is_space(char32_t c) {
  return in_range(c, 0x09, 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || in_range(c, 0x2000, 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return is_enclosed_letter(c) || c == 0x200C || c == 0x200D;
  }
}

}  // namespace neurosweep
