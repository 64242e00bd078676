#include <cctype>

#include "framework/base/error.hpp"
#include "framework/text/regex.hpp"

namespace neurosweep {
namespace {

// PCRE2's own \s adds U+180E, and its \w leaves out marks, letter numbers and enclosed letters. Oniguruma's \w
// holds the superscripts and fractions of Latin-1 too, but only outside of a class.
constexpr std::string_view kSpace =
    R"(\x{09}-\x{0D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kNotSpace =
    R"(\x{00}-\x{08}\x{0E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027})"
    R"(\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";
constexpr std::string_view kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";
constexpr std::string_view kLoneWord = R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
constexpr std::string_view kHex = "0-9A-Fa-f";

class DialectTranslator {
 public:
  DialectTranslator(std::string_view pattern, std::string_view origin) : pattern_(pattern), origin_(origin) {}

  std::string translate() {
    while (at_ < pattern_.size()) {
      if (pattern_[at_] == '\\') {
        translate_escape();
      } else if (in_class_) {
        translate_in_class();
      } else {
        translate_outside();
      }
    }
    return std::move(result_);
  }

 private:
  char look(std::size_t ahead) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }

  void copy(std::size_t n) {
    result_ += pattern_.substr(at_, n);
    at_ += n;
  }

  void replace(std::string_view set, std::string_view open) {
    result_ += in_class_ ? std::string(set) : fmt::format("{}{}]", open, set);
    at_ += 2;
  }

  void replace_word(std::string_view open) {
    const std::string set = fmt::format("{}{}", kWord, in_class_ ? "" : kLoneWord);
    replace(set, open);
  }

  [[noreturn]] void refuse(const char* what) const {
    throw input_error("{}: {} at offset {} of the pattern are not supported: {}", origin_, what, at_, pattern_);
  }

  void translate_escape() {
    switch (look(1)) {
      case 's':
        return replace(kSpace, "[");
      case 'S':
        return in_class_ ? replace(kNotSpace, "") : replace(kSpace, "[^");
      case 'w':
        return replace_word("[");
      case 'h':
        return replace(kHex, "[");
      case 'W':
      case 'H':
        if (in_class_) refuse("\\W and \\H within a class");
        return look(1) == 'W' ? replace_word("[^") : replace(kHex, "[^");
      default:
        copy(2);
    }
  }

  void translate_in_class() {
    if (look(0) == '[' && look(1) != ':') refuse("nested character classes");
    if (look(0) == '&' && look(1) == '&') refuse("class intersections");
    if (look(0) == '[') return copy(pattern_.find(']', at_) + 1 - at_);
    if (look(0) == ']' && at_ > class_begin_) in_class_ = false;
    copy(1);
  }

  void translate_outside() {
    if (look(0) == '[') {
      in_class_ = true;
      copy(look(1) == '^' ? 2 : 1);
      class_begin_ = at_;
      return;
    }
    if (look(0) == '(' && look(1) == '?') check_flags();
    if (look(0) == '{') check_interval();
    copy(1);
  }

  void check_flags() const {
    for (std::size_t i = 2; std::isalpha(static_cast<unsigned char>(look(i))) || look(i) == '-'; ++i) {
      if (look(i) != 'i' && look(i) != '-') refuse("inline flags other than i");
    }
  }

  // Oniguruma repeats a{1,3}+, PCRE2 takes it as possessive.
  void check_interval() const {
    std::size_t i = 1;
    while (std::isdigit(static_cast<unsigned char>(look(i))) || look(i) == ',') ++i;
    if (i > 1 && look(i) == '}' && look(i + 1) == '+') refuse("repeated intervals {n,m}+");
  }

  std::string_view pattern_, origin_;
  std::string result_;
  std::size_t at_ = 0;
  std::size_t class_begin_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string to_pcre2(std::string_view pattern, std::string_view origin) {
  return DialectTranslator(pattern, origin).translate();
}

std::string literal_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && std::ispunct(static_cast<unsigned char>(c))) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace neurosweep
