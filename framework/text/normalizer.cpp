#include "framework/text/normalizer.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

#include "framework/text/part_table.hpp"
#include "framework/text/regex.hpp"
#include "framework/text/utf8.hpp"

namespace neurosweep {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void map_unicode(std::string& text, int options) {
  if (is_ascii(text)) return;
  utf8proc_uint8_t* mapped = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | options));
  if (size < 0) throw error(ErrorKind::internal, "Unicode normalisation failed ({})", utf8proc_errmsg(size));
  text.assign(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
  std::free(mapped);
}

template <int options>
Normalizer make_unicode_form(const Json&, const std::string&) {
  return [](std::string& text) { map_unicode(text, options); };
}

Normalizer make_lowercase(const Json&, const std::string&) {
  return [](std::string& text) {
    std::string lower;
    for (std::size_t offset = 0; offset < text.size();) {
      const char32_t c = next_code_point(text, offset);
      if (c == 0x130) {
        lower += "i\u0307";  // the only letter whose lower case is two
      } else {
        append_utf8(lower, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
      }
    }
    text = std::move(lower);
  };
}

Normalizer make_prepend(const Json& spec, const std::string& origin) {
  return [prefix = require<std::string>(spec, "prepend", origin)](std::string& text) {
    if (!text.empty()) text.insert(0, prefix);
  };
}

Normalizer make_replace(const Json& spec, const std::string& origin) {
  const auto regex = std::make_shared<const Regex>(pattern_of(spec, origin), origin);
  return [regex, content = require<std::string>(spec, "content", origin)](std::string& text) {
    text = regex->replace_all(text, content);
  };
}

Normalizer make_sequence(const Json& spec, const std::string& origin) {
  return [steps = make_parts(make_normalizer, spec, "normalizers", origin)](std::string& text) {
    for (const Normalizer& step : steps) step(text);
  };
}

constexpr PartKind<Normalizer> kNormalizers[] = {
    {"NFC", make_unicode_form<UTF8PROC_COMPOSE>},
    {"NFD", make_unicode_form<UTF8PROC_DECOMPOSE>},
    {"NFKC", make_unicode_form<UTF8PROC_COMPOSE | UTF8PROC_COMPAT>},
    {"NFKD", make_unicode_form<UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT>},
    {"Lowercase", make_lowercase},
    {"Prepend", make_prepend},
    {"Replace", make_replace},
    {"Sequence", make_sequence},
};

}  // namespace

Normalizer make_normalizer(const Json& spec, const std::string& origin) {
  if (spec.is_null()) return [](std::string&) {};
  return make_part<Normalizer>(kNormalizers, spec, origin);
}

}  // namespace neurosweep
