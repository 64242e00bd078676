#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "framework/text/tokenizer.hpp"

namespace neurosweep {

/// How much of a text has been spelled after each of its tokens: where two tokenizers meet.
/// Decodes every prefix: quadratic in the number of tokens.
///   tokens   of `text`; special tokens after it spell nothing
///   returns  [T] bytes of `text`; -1 where a token ends within a character, or spells something else
std::vector<std::int64_t> token_ends(const Tokenizer& tokenizer, std::span<const std::int64_t> tokens,
                                     std::string_view text);

}  // namespace neurosweep
