#include "framework/text/pre_tokenizer.hpp"

#include <memory>

#include "framework/text/byte_chars.hpp"
#include "framework/text/part_table.hpp"
#include "framework/text/split.hpp"

namespace neurosweep {
namespace {

// The split of GPT-2: contractions, words, numbers and signs, each with the space before it.
constexpr std::string_view kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// Words and other signs, with \w as Rust's regex crate reads it: joiners belong to it.
constexpr std::string_view kWhitespacePattern = R"([\w\x{200C}\x{200D}]+|[^\w\s\x{200C}\x{200D}]+)";

using SharedRegex = std::shared_ptr<const Regex>;

PreTokenizer make_splitter(SharedRegex regex, SplitBehavior behavior, SplitOn on) {
  return [regex = std::move(regex), behavior, on](std::vector<TextPiece>& pieces) {
    std::vector<TextPiece> parts;
    for (const TextPiece& piece : pieces) {
      for (const TextSpan span : split_text(piece.text, *regex, behavior, on)) {
        if (span.begin == span.end) continue;
        parts.push_back({piece.text.substr(span.begin, span.end - span.begin), piece.at_start && span.begin == 0});
      }
    }
    pieces = std::move(parts);
  };
}

SharedRegex compile(std::string_view pattern, const std::string& origin) {
  return std::make_shared<const Regex>(pattern, origin);
}

void spell_bytes(std::string& text) {
  std::string spelled;
  spelled.reserve(text.size() * 2);
  for (const char c : text) spelled += byte_char(static_cast<unsigned char>(c));
  text = std::move(spelled);
}

PreTokenizer make_byte_level(const Json& spec, const std::string& origin) {
  const bool prefixes = optional_or<bool>(spec, "add_prefix_space", true, origin);
  PreTokenizer split = [](std::vector<TextPiece>&) {};
  if (optional_or<bool>(spec, "use_regex", true, origin)) {
    split = make_splitter(compile(kByteLevelPattern, origin), SplitBehavior::isolated, SplitOn::match);
  }
  return [prefixes, split](std::vector<TextPiece>& pieces) {
    for (TextPiece& piece : pieces) {
      if (prefixes && !piece.text.starts_with(' ')) piece.text.insert(0, 1, ' ');
    }
    split(pieces);
    for (TextPiece& piece : pieces) spell_bytes(piece.text);
  };
}

PreTokenizer make_split(const Json& spec, const std::string& origin) {
  const auto behavior = parse_split_behavior(require<std::string>(spec, "behavior", origin), origin);
  const auto on = optional_or<bool>(spec, "invert", false, origin) ? SplitOn::rest : SplitOn::match;
  return make_splitter(compile(pattern_of(spec, origin), origin), behavior, on);
}

PreTokenizer make_digits(const Json& spec, const std::string& origin) {
  const bool individual = optional_or<bool>(spec, "individual_digits", false, origin);
  return make_splitter(compile(R"(\p{N})", origin), individual ? SplitBehavior::isolated : SplitBehavior::contiguous,
                       SplitOn::match);
}

PreTokenizer make_whitespace(const Json&, const std::string& origin) {
  return make_splitter(compile(kWhitespacePattern, origin), SplitBehavior::removed, SplitOn::rest);
}

PreTokenizer make_whitespace_split(const Json&, const std::string& origin) {
  return make_splitter(compile(R"(\s)", origin), SplitBehavior::removed, SplitOn::match);
}

enum class Prepend { always, first, never };

Prepend prepend_of(const Json& spec, const std::string& origin) {
  const bool legacy = optional_or<bool>(spec, "add_prefix_space", true, origin);
  const auto name = optional_or<std::string>(spec, "prepend_scheme", legacy ? "always" : "never", origin);
  if (name == "always") return Prepend::always;
  if (name == "first") return Prepend::first;
  if (name == "never") return Prepend::never;
  throw input_error("{}: prepend_scheme '{}' is not one of always, first, never", origin, name);
}

PreTokenizer make_metaspace(const Json& spec, const std::string& origin) {
  const auto mark = require<std::string>(spec, "replacement", origin);
  const Prepend prepend = prepend_of(spec, origin);
  PreTokenizer split = [](std::vector<TextPiece>&) {};
  if (optional_or<bool>(spec, "split", true, origin)) {
    split = make_splitter(compile(literal_pattern(mark), origin), SplitBehavior::merged_with_next, SplitOn::match);
  }
  return [mark, prepend, split, space = compile(" ", origin)](std::vector<TextPiece>& pieces) {
    for (TextPiece& piece : pieces) {
      piece.text = space->replace_all(piece.text, mark);
      const bool wanted = prepend == Prepend::always || (prepend == Prepend::first && piece.at_start);
      if (wanted && !piece.text.starts_with(mark)) piece.text.insert(0, mark);
    }
    split(pieces);
  };
}

PreTokenizer make_sequence(const Json& spec, const std::string& origin) {
  return [steps = make_parts(make_pre_tokenizer, spec, "pretokenizers", origin)](std::vector<TextPiece>& pieces) {
    for (const PreTokenizer& step : steps) step(pieces);
  };
}

constexpr PartKind<PreTokenizer> kPreTokenizers[] = {
    {"ByteLevel", make_byte_level},
    {"Split", make_split},
    {"Digits", make_digits},
    {"Whitespace", make_whitespace},
    {"WhitespaceSplit", make_whitespace_split},
    {"Metaspace", make_metaspace},
    {"Sequence", make_sequence},
};

}  // namespace

PreTokenizer make_pre_tokenizer(const Json& spec, const std::string& origin) {
  if (spec.is_null()) return [](std::vector<TextPiece>&) {};
  return make_part<PreTokenizer>(kPreTokenizers, spec, origin);
}

}  // namespace neurosweep
