#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/config/json.hpp"

namespace neurosweep {

/// A stretch of text on its way to becoming words.
struct TextPiece {
  std::string text;
  bool at_start = false;  ///< it begins where the whole input begins
};

/// Splits every piece into smaller ones (and may respell them). Pieces are never empty.
using PreTokenizer = std::function<void(std::vector<TextPiece>& pieces)>;

/// Makes the "pre_tokenizer" object of a tokenizer.json; null gives one that leaves pieces whole.
///   throws  Error{input}: unsupported type or behaviour, missing key, bad regular expression
PreTokenizer make_pre_tokenizer(const Json& spec, const std::string& origin);

}  // namespace neurosweep
