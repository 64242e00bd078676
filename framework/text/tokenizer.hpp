#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

enum class AddSpecialTokens { no, yes };   ///< yes: bos, eos ... as the file's post-processor says
enum class SkipSpecialTokens { no, yes };  ///< yes: tokens marked special leave no text

/// A tokenizer in the Hugging Face `tokenizer.json` format: byte-level BPE, BPE with byte fallback, or whole words.
/// Ids equal those of the Python package `tokenizers`; truncation and padding in the file are not applied.
/// Safe to use from several threads.
class Tokenizer {
 public:
  /// Loads a tokenizer.json, or the one in a folder; bos, eos and pad come from tokenizer_config.json beside it, if
  /// any.
  ///   throws  Error{io}: unreadable; Error{input}: corrupt, or a part that is not supported, with path and key
  static Tokenizer load(const std::string& dir_or_file);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// Token ids of a text. Added tokens (special or not) are recognised in the text.
  ///   throws  Error{input}: not UTF-8, or a character outside the vocabulary of a tokenizer without unknown token
  std::vector<std::int64_t> encode(std::string_view text, AddSpecialTokens add) const;

  /// Text of token ids, always valid UTF-8: bytes that form none become U+FFFD.
  ///   ids     ids without a token (padding rows of an embedding) leave no text
  ///   throws  Error{input}: a negative id
  std::string decode(std::span<const std::int64_t> ids, SkipSpecialTokens skip) const;

  std::int64_t vocabulary_size() const;                                ///< highest id + 1, added tokens included
  std::optional<std::int64_t> token_id(std::string_view token) const;  ///< by the token's spelling in the file
  std::optional<std::string> token_text(std::int64_t id) const;        ///< its spelling in the file

  std::optional<std::int64_t> bos() const;
  std::optional<std::int64_t> eos() const;
  std::optional<std::int64_t> pad() const;

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace neurosweep
