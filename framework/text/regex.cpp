#include "framework/text/regex.hpp"

#include <optional>

#include "framework/base/error.hpp"
#include "framework/text/utf8.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace neurosweep {
namespace {

std::string pcre2_text(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

std::unique_ptr<pcre2_code, FreeCode> compile(std::string_view pattern, const std::string& origin) {
  const std::string translated = to_pcre2(pattern, origin);
  const std::unique_ptr<pcre2_compile_context, FreeContext> context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_code, FreeCode> compiled(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &code, &offset, context.get()));
  if (!compiled) throw input_error("{}: not a regular expression ({}): {}", origin, pcre2_text(code), pattern);
  pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE);  // fails where there is no JIT: pcre2_match then interprets
  return compiled;
}

}  // namespace

struct Regex::Compiled {
  std::unique_ptr<pcre2_code, FreeCode> code;
  std::string pattern, origin;

  std::optional<TextSpan> match_from(std::string_view text, std::size_t begin, pcre2_match_data* data) const {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int count = pcre2_match(code.get(), subject, text.size(), begin, PCRE2_NO_UTF_CHECK, data, nullptr);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) {
      count = pcre2_match(code.get(), subject, text.size(), begin, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, nullptr);
    }
    if (count == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (count < 0) throw input_error("{}: cannot match ({}): {}", origin, pcre2_text(count), pattern);
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data);
    return TextSpan{ends[0], ends[1]};
  }
};

Regex::Regex(std::string_view pattern, std::string origin)
    : compiled_(
          std::make_unique<Compiled>(Compiled{compile(pattern, origin), std::string(pattern), std::move(origin)})) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;

std::vector<TextSpan> Regex::find_all(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, FreeMatchData> data(
      pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  std::vector<TextSpan> matches;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const auto match = compiled_->match_from(text, begin, data.get());
    if (!match) break;
    begin = match->end;
    const bool touches_last = !matches.empty() && matches.back().end == match->end;
    if (match->begin == match->end && touches_last) {
      begin += begin < text.size() ? utf8_length(text[begin]) : 1;
    } else {
      matches.push_back(*match);
    }
  }
  return matches;
}

std::string Regex::replace_all(std::string_view text, std::string_view replacement) const {
  std::string result;
  std::size_t copied = 0;
  for (const TextSpan match : find_all(text)) {
    result += text.substr(copied, match.begin - copied);
    result += replacement;
    copied = match.end;
  }
  return result += text.substr(copied);
}

}  // namespace neurosweep
