#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "framework/text/token_model.hpp"

namespace neurosweep {

/// Byte-pair encoding: a word's characters, merged pair by pair in the order of the merge list.
class Bpe : public TokenModel {
 public:
  /// Reads vocab, merges ("a b" or ["a", "b"]), unk_token, fuse_unk, byte_fallback, ignore_merges.
  ///   throws  Error{input}: corrupt merges, or dropout, continuing_subword_prefix or end_of_word_suffix in use
  Bpe(const Json& spec, const std::string& origin);

  void tokenize(std::string_view word, std::vector<std::int64_t>& ids) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  struct Merge {
    std::int32_t rank;
    TokenId merged;
  };
  struct Candidate;
  class Word;

  static std::uint64_t pair_key(TokenId left, TokenId right);
  void read_merges(const Json& merges);
  void add_merge(const std::string& left, const std::string& right, std::int32_t rank);
  const Merge* find_merge(TokenId left, TokenId right) const;
  std::vector<TokenId> merge_word(std::string_view word) const;
  std::vector<TokenId> first_symbols(std::string_view word) const;
  bool append_bytes(std::string_view character, std::vector<TokenId>& symbols) const;

  std::string origin_;
  Vocabulary vocabulary_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::optional<TokenId> unknown_;
  bool fuses_unknown_ = false;
  bool byte_fallback_ = false;
  bool ignores_merges_ = false;

  mutable std::mutex cache_mutex_;
  mutable std::unordered_map<std::string, std::vector<TokenId>> cache_;
};

}  // namespace neurosweep
