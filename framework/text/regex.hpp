#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

/// Byte range [begin, end) of a text.
struct TextSpan {
  std::size_t begin = 0, end = 0;
  bool operator==(const TextSpan&) const = default;
};

/// A regular expression as tokenizer files write it (Oniguruma with Unicode), compiled by PCRE2. Safe in threads.
/// Character classes are those of the Unicode version of the PCRE2 library (14 in PCRE2 10.42).
class Regex {
 public:
  /// `origin` starts every message.
  ///   throws  Error{input}: not a regular expression, or a construct that the two dialects read differently
  Regex(std::string_view pattern, std::string origin);
  ~Regex();
  Regex(Regex&&) noexcept;

  /// All matches from left to right, without overlap; `text` must be well-formed UTF-8.
  ///   throws  Error{input} when the pattern exceeds the matcher's backtracking limit
  std::vector<TextSpan> find_all(std::string_view text) const;

  std::string replace_all(std::string_view text, std::string_view replacement) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

/// A pattern that matches exactly this text.
std::string literal_pattern(std::string_view text);

/// An Oniguruma (Ruby syntax, UTF-8) pattern rewritten for PCRE2 with UTF and UCP.
///   throws  Error{input} for what has no equal: nested or intersected classes, inline flags other than i, {n,m}+
std::string to_pcre2(std::string_view pattern, std::string_view origin);

}  // namespace neurosweep
