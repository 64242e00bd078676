#include "framework/text/byte_chars.hpp"

#include <array>

#include "framework/text/utf8.hpp"

namespace neurosweep {
namespace {

constexpr int kByteCount = 256;
constexpr int kFirstSubstitute = 0x100;
constexpr int kCodePointEnd = 0x144;  ///< behind the last substitute

bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct ByteTable {
  std::array<std::string, kByteCount> chars;
  std::array<int, kCodePointEnd> bytes;

  ByteTable() {
    bytes.fill(-1);
    int substitute = kFirstSubstitute;
    for (int byte = 0; byte < kByteCount; ++byte) {
      const int code_point = is_printable(byte) ? byte : substitute++;
      append_utf8(chars[byte], static_cast<char32_t>(code_point));
      bytes[code_point] = byte;
    }
  }
};

const ByteTable& byte_table() {
  static const ByteTable table;
  return table;
}

}  // namespace

const std::string& byte_char(unsigned char byte) {
  return byte_table().chars[byte];
}

std::optional<std::string> bytes_of(std::string_view token) {
  std::string bytes;
  for (std::size_t offset = 0; offset < token.size();) {
    const char32_t c = next_code_point(token, offset);
    const int byte = c < kCodePointEnd ? byte_table().bytes[c] : -1;
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace neurosweep
