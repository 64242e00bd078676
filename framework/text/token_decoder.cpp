#include "framework/text/token_decoder.hpp"

#include <charconv>
#include <memory>
#include <optional>

#include "framework/text/byte_chars.hpp"
#include "framework/text/part_table.hpp"
#include "framework/text/regex.hpp"
#include "framework/text/utf8.hpp"

namespace neurosweep {
namespace {

std::string join(const std::vector<std::string>& tokens, std::string_view separator) {
  return fmt::format("{}", fmt::join(tokens, separator));
}

void decode_byte_level(std::vector<std::string>& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += bytes_of(token).value_or(token);
  tokens = {replace_invalid_utf8(bytes)};
}

// The byte of a token "<0xE2>".
std::optional<char> fallback_byte(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
  unsigned int byte = 0;
  const char* end = token.data() + 5;
  const auto read = std::from_chars(token.data() + 3, end, byte, 16);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return static_cast<char>(byte);
}

void decode_byte_fallback(std::vector<std::string>& tokens) {
  std::vector<std::string> decoded;
  std::string bytes;
  const auto flush = [&] {
    if (find_invalid_utf8(bytes) == std::string::npos) {
      decoded.push_back(bytes);
    } else {
      decoded.insert(decoded.end(), bytes.size(), "\uFFFD");
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const auto byte = fallback_byte(token)) {
      bytes += *byte;
      continue;
    }
    if (!bytes.empty()) flush();
    decoded.push_back(std::move(token));
  }
  if (!bytes.empty()) flush();
  tokens = std::move(decoded);
}

TokenDecoder make_byte_level(const Json&, const std::string&) {
  return decode_byte_level;
}

TokenDecoder make_byte_fallback(const Json&, const std::string&) {
  return decode_byte_fallback;
}

TokenDecoder make_fuse(const Json&, const std::string&) {
  return [](std::vector<std::string>& tokens) { tokens = {join(tokens, "")}; };
}

TokenDecoder make_replace(const Json& spec, const std::string& origin) {
  const auto regex = std::make_shared<const Regex>(pattern_of(spec, origin), origin);
  return [regex, content = require<std::string>(spec, "content", origin)](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) token = regex->replace_all(token, content);
  };
}

TokenDecoder make_strip(const Json& spec, const std::string& origin) {
  const auto content = require<std::string>(spec, "content", origin);
  const auto start = require<std::int64_t>(spec, "start", origin);
  const auto stop = require<std::int64_t>(spec, "stop", origin);
  return [content, start, stop](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) {
      for (std::int64_t i = 0; i < start && token.starts_with(content); ++i) token.erase(0, content.size());
      for (std::int64_t i = 0; i < stop && token.ends_with(content); ++i) token.resize(token.size() - content.size());
    }
  };
}

TokenDecoder make_metaspace(const Json& spec, const std::string& origin) {
  const auto mark = require<std::string>(spec, "replacement", origin);
  const auto regex = std::make_shared<const Regex>(literal_pattern(mark), origin);
  const bool legacy = optional_or<bool>(spec, "add_prefix_space", true, origin);
  const bool prepended =
      optional_or<std::string>(spec, "prepend_scheme", legacy ? "always" : "never", origin) != "never";
  return [mark, regex, prepended](std::vector<std::string>& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = regex->replace_all(tokens[i], i == 0 && prepended ? "" : " ");
    }
  };
}

TokenDecoder make_sequence(const Json& spec, const std::string& origin) {
  return [steps = make_parts(make_token_decoder, spec, "decoders", origin)](std::vector<std::string>& tokens) {
    for (const TokenDecoder& step : steps) step(tokens);
  };
}

constexpr PartKind<TokenDecoder> kTokenDecoders[] = {
    {"ByteLevel", make_byte_level},
    {"ByteFallback", make_byte_fallback},
    {"Fuse", make_fuse},
    {"Replace", make_replace},
    {"Strip", make_strip},
    {"Metaspace", make_metaspace},
    {"Sequence", make_sequence},
};

}  // namespace

TokenDecoder make_token_decoder(const Json& spec, const std::string& origin) {
  if (spec.is_null()) return [](std::vector<std::string>& tokens) { tokens = {join(tokens, " ")}; };
  return make_part<TokenDecoder>(kTokenDecoders, spec, origin);
}

}  // namespace neurosweep
