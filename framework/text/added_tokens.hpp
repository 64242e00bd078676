#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "framework/text/normalizer.hpp"
#include "framework/text/pre_tokenizer.hpp"
#include "framework/text/vocabulary.hpp"

namespace neurosweep {

/// One entry of "added_tokens".
struct AddedToken {
  std::int64_t id = 0;
  std::string content;
  bool single_word = false;  ///< not within a longer word
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< takes the white space behind it along
  bool normalized = true;    ///< looked for in the normalised text, not in the raw one
  bool special = false;
};

/// Reads the "added_tokens" array; null or absent gives none.
///   throws  Error{input}: missing key, empty content
std::vector<AddedToken> read_added_tokens(const Json& spec, const std::string& origin);

/// Finds added tokens in a text: at every place the longest, from left to right.
class TokenFinder {
 public:
  /// A stretch of text: an added token, or plain text (token null).
  struct Stretch {
    const AddedToken* token = nullptr;
    std::string_view text;
  };

  /// Looks for `spellings[i]` as the token `tokens[i]`; of equal spellings the first counts.
  TokenFinder(std::vector<AddedToken> tokens, const std::vector<std::string>& spellings);

  /// The text cut into stretches, none of them empty plain text.
  std::vector<Stretch> cut(std::string_view text) const;

 private:
  static constexpr std::int32_t kNone = -1;
  struct Node {
    std::int32_t token = kNone;
    std::vector<std::pair<char, std::int32_t>> children;
  };
  struct Match {
    const AddedToken* token;
    std::size_t begin, end;
  };

  std::int32_t child(std::int32_t node, char byte) const;
  void insert(const std::string& spelling, std::int32_t token);
  std::optional<Match> longest_at(std::string_view text, std::size_t begin) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_{1};
};

/// All added tokens of a tokenizer, with the normaliser that runs between the raw and the normalised search.
class AddedTokens {
 public:
  AddedTokens(const std::vector<AddedToken>& tokens, Normalizer normalizer);

  /// A normalised stretch of plain text, or an added token's id.
  struct Part {
    std::optional<std::int64_t> token;
    TextPiece piece;
  };
  std::vector<Part> cut(std::string_view text) const;

  /// How decoding spells an added token, or null for other ids: normalised where the token is looked for so.
  const std::string* spelling(std::int64_t id) const;
  bool is_special(std::int64_t id) const { return special_.contains(id); }

 private:
  Normalizer normalizer_;
  TokenFinder raw_;
  TokenFinder normalized_;
  std::unordered_set<std::int64_t> special_;
  std::unordered_map<std::int64_t, std::string> spellings_;
};

}  // namespace neurosweep
