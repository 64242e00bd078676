#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/config/json.hpp"
#include "framework/text/vocabulary.hpp"

namespace neurosweep {

/// Turns one word (a piece of the pre-tokenizer) into token ids. Safe to use from several threads.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  /// Appends the ids of a word.
  ///   throws  Error{input}: a part of the word is not in the vocabulary and there is no unknown token
  virtual void tokenize(std::string_view word, std::vector<std::int64_t>& ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
};

/// Makes the "model" object of a tokenizer.json (BPE or WordLevel; without a "type", BPE).
///   throws  Error{input}: unsupported type or option, corrupt vocabulary or merges
std::unique_ptr<TokenModel> make_token_model(const Json& spec, const std::string& origin);

}  // namespace neurosweep
