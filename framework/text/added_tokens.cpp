#include "framework/text/added_tokens.hpp"

#include <algorithm>

#include "framework/base/error.hpp"
#include "framework/text/utf8.hpp"

namespace neurosweep {
namespace {

// Hugging Face looks for special tokens first, so they win over others of the same spelling.
std::vector<AddedToken> select(const std::vector<AddedToken>& tokens, bool normalized) {
  std::vector<AddedToken> selected;
  for (const bool special : {true, false}) {
    for (const AddedToken& token : tokens) {
      if (token.normalized == normalized && token.special == special) selected.push_back(token);
    }
  }
  return selected;
}

std::vector<std::string> spellings(const std::vector<AddedToken>& tokens) {
  std::vector<std::string> texts;
  for (const AddedToken& token : tokens) texts.push_back(token.content);
  return texts;
}

std::vector<std::string> spellings(const std::vector<AddedToken>& tokens, const Normalizer& normalizer) {
  std::vector<std::string> texts = spellings(tokens);
  for (std::string& text : texts) normalizer(text);
  return texts;
}

std::size_t skip_space_back(std::string_view text, std::size_t end) {
  while (end > 0 && is_space(last_code_point(text.substr(0, end)))) {
    --end;
    while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  }
  return end;
}

std::size_t skip_space(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    std::size_t next = begin;
    if (!is_space(next_code_point(text, next))) break;
    begin = next;
  }
  return begin;
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin > 0 && is_word(last_code_point(text.substr(0, begin)))) return false;
  return end == text.size() || !is_word(next_code_point(text, end));
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const Json& spec, const std::string& origin) {
  if (spec.is_null()) return {};
  if (!spec.is_array()) throw input_error("{}: must be an array, found {}", origin, spec.type_name());
  std::vector<AddedToken> tokens;
  for (const Json& item : spec) {
    const std::string where = fmt::format("{}[{}]", origin, tokens.size());
    AddedToken token;
    token.id = require<std::int64_t>(item, "id", where);
    token.content = require<std::string>(item, "content", where);
    token.single_word = optional_or<bool>(item, "single_word", false, where);
    token.lstrip = optional_or<bool>(item, "lstrip", false, where);
    token.rstrip = optional_or<bool>(item, "rstrip", false, where);
    token.special = optional_or<bool>(item, "special", false, where);
    token.normalized = optional_or<bool>(item, "normalized", !token.special, where);
    if (token.content.empty()) throw input_error("{}: the content is empty", where);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

TokenFinder::TokenFinder(std::vector<AddedToken> tokens, const std::vector<std::string>& spellings)
    : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (!spellings[i].empty()) insert(spellings[i], static_cast<std::int32_t>(i));
  }
}

std::int32_t TokenFinder::child(std::int32_t node, char byte) const {
  for (const auto& [key, next] : nodes_[node].children) {
    if (key == byte) return next;
  }
  return kNone;
}

void TokenFinder::insert(const std::string& spelling, std::int32_t token) {
  std::int32_t node = 0;
  for (const char byte : spelling) {
    std::int32_t next = child(node, byte);
    if (next == kNone) {
      next = static_cast<std::int32_t>(nodes_.size());
      nodes_[node].children.emplace_back(byte, next);
      nodes_.emplace_back();
    }
    node = next;
  }
  if (nodes_[node].token == kNone) nodes_[node].token = token;
}

std::optional<TokenFinder::Match> TokenFinder::longest_at(std::string_view text, std::size_t begin) const {
  std::optional<Match> longest;
  std::int32_t node = 0;
  for (std::size_t at = begin; at < text.size(); ++at) {
    node = child(node, text[at]);
    if (node == kNone) break;
    if (nodes_[node].token != kNone) longest = Match{&tokens_[nodes_[node].token], begin, at + 1};
  }
  return longest;
}

std::vector<TokenFinder::Stretch> TokenFinder::cut(std::string_view text) const {
  std::vector<Stretch> stretches;
  std::size_t taken = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto match = longest_at(text, at);
    if (!match) {
      ++at;
      continue;
    }
    at = match->end;
    const AddedToken& token = *match->token;
    if (token.single_word && !stands_alone(text, match->begin, match->end)) continue;
    const std::size_t begin = token.lstrip ? std::max(skip_space_back(text, match->begin), taken) : match->begin;
    if (taken < begin) stretches.push_back({nullptr, text.substr(taken, begin - taken)});
    taken = token.rstrip ? skip_space(text, match->end) : match->end;
    stretches.push_back({&token, text.substr(match->begin, match->end - match->begin)});
  }
  if (taken < text.size()) stretches.push_back({nullptr, text.substr(taken)});
  return stretches;
}

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens, Normalizer normalizer)
    : normalizer_(std::move(normalizer)),
      raw_(select(tokens, false), spellings(select(tokens, false))),
      normalized_(select(tokens, true), spellings(select(tokens, true), normalizer_)) {
  for (const AddedToken& token : tokens) {
    if (token.special) special_.insert(token.id);
    std::string& spelling = spellings_[token.id] = token.content;
    if (token.normalized) normalizer_(spelling);
  }
}

const std::string* AddedTokens::spelling(std::int64_t id) const {
  const auto found = spellings_.find(id);
  return found == spellings_.end() ? nullptr : &found->second;
}

std::vector<AddedTokens::Part> AddedTokens::cut(std::string_view text) const {
  std::vector<Part> parts;
  for (const auto& raw : raw_.cut(text)) {
    if (raw.token) {
      parts.push_back({raw.token->id, {}});
      continue;
    }
    const bool at_start = raw.text.data() == text.data();
    std::string normalized(raw.text);
    normalizer_(normalized);
    for (const auto& stretch : normalized_.cut(normalized)) {
      if (stretch.token) {
        parts.push_back({stretch.token->id, {}});
      } else {
        const bool first = at_start && stretch.text.data() == normalized.data();
        parts.push_back({std::nullopt, {std::string(stretch.text), first}});
      }
    }
  }
  return parts;
}

}  // namespace neurosweep
