#include "framework/tasks/plain_signs.hpp"

#include <array>

namespace neurosweep {
namespace {

struct Sign {
  std::string_view from;
  std::string_view to;
};

constexpr std::array<Sign, 26> kSigns = {
    {{"\u2212", "-"},   {"\u2013", "-"},   {"\ufe63", "-"},   {"\u2044", "/"},   {"\u00a0", " "},   {"\u202f", " "},
     {"\u2009", " "},   {"\u3000", " "},   {"\u00bc", "1/4"}, {"\u00bd", "1/2"}, {"\u00be", "3/4"}, {"\u2153", "1/3"},
     {"\u2154", "2/3"}, {"\u2155", "1/5"}, {"\u2156", "2/5"}, {"\u2157", "3/5"}, {"\u2158", "4/5"}, {"\u2159", "1/6"},
     {"\u215a", "5/6"}, {"\u215b", "1/8"}, {"\u215c", "3/8"}, {"\u215d", "5/8"}, {"\u215e", "7/8"}, {"\u2150", "1/7"},
     {"\u2151", "1/9"}, {"\u2152", "1/10"}}};

constexpr unsigned kFullWidthFirst = 0xFF01;  ///< "!", the first of those that mirror ASCII
constexpr unsigned kFullWidthLast = 0xFF5E;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The ASCII twin of a full-width sign of three bytes at the text's begin, or '\0'.
char full_width(std::string_view text) {
  if (text.size() < 3 || static_cast<unsigned char>(text[0]) != 0xEF) return '\0';
  const unsigned code =
      0xF000U | ((static_cast<unsigned char>(text[1]) & 0x3FU) << 6U) | (static_cast<unsigned char>(text[2]) & 0x3FU);
  return code < kFullWidthFirst || code > kFullWidthLast ? '\0' : static_cast<char>('!' + (code - kFullWidthFirst));
}

}  // namespace

std::string plain_signs(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      plain += text[at++];
      continue;
    }
    const std::string_view rest = text.substr(at);
    if (const char twin = full_width(rest); twin != '\0') {
      plain += twin;
      at += 3;
      continue;
    }
    const Sign* found = nullptr;
    for (const Sign& sign : kSigns) {
      if (rest.starts_with(sign.from)) found = &sign;
    }
    if (found == nullptr) {
      plain += text[at++];
      continue;
    }
    if (found->to.size() > 1 && !plain.empty() && is_digit(plain.back())) plain += ' ';
    plain += found->to;
    at += found->from.size();
  }
  return plain;
}

}  // namespace neurosweep
