#include "framework/base/base64.hpp"

#include <algorithm>
#include <cstdint>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t digit_value(char c, std::string_view origin) {
  const std::size_t value = kDigits.find(c);
  if (value == std::string_view::npos) throw input_error("{}: '{}' is no digit of base64", origin, c);
  return static_cast<std::uint32_t>(value);
}

}  // namespace

std::string to_base64(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = group << 8 | (j < n ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j) text += j <= n ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::vector<std::byte> from_base64(std::string_view text, std::string_view origin) {
  if (text.size() % 4 != 0) throw input_error("{}: base64 of {} characters is cut short", origin, text.size());
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t padding = !last ? 0 : text[i + 2] == '=' ? 2 : text[i + 3] == '=' ? 1 : 0;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) group = group << 6 | (j < 4 - padding ? digit_value(text[i + j], origin) : 0);
    for (std::size_t j = 0; j < 3 - padding; ++j) bytes.push_back(static_cast<std::byte>(group >> (16 - 8 * j) & 255));
  }
  return bytes;
}

}  // namespace neurosweep
